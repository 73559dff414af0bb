"""The training of Miniproject 1 with its steps recorded once as a CUDA graph, and then replayed.

A training step of a small network consists of hundreds of short kernels. A GPU runs them faster
than the processor can launch them one by one. Recorded as a graph, all of them are one launch.
"""

import copy
from typing import Any

import torch
from torch import Tensor

from Miniproject_1.noise2noise.training import Batch, Trainer

WARM_UP = 3  # steps before the recording, as torch asks for; at a learning rate of zero


class CudaGraphTrainer(Trainer):
    """A `Trainer`, with the same arguments, whose training steps are replayed from a CUDA graph.

    A graph is for one shape of batches. A batch of another shape than the first, such as a smaller
    one at the end of an epoch, is trained on as usual.

    Raises:
        ValueError: the network is not on a CUDA device.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.device.type != "cuda":
            raise ValueError(f"CUDA graphs need a network on a CUDA device, not on {self.device}")
        self.prepare(capturable=True)

    def prepare(self, capturable: bool) -> None:
        """Keep the numbers that change from step to step in tensors.

        A replayed step repeats the same kernels on the same memory, so a new value reaches it only
        through the tensors that it reads.
        """
        self.rate = torch.zeros((), device=self.device)
        self.share = torch.zeros((), device=self.device)  # of the new weights in their average
        for group in self.optimizer.param_groups:
            group.update(lr=self.rate, capturable=capturable)
        for state in self.optimizer.state.values():  # of a training that is continued
            state["step"] = state["step"].to(self.device)
        self.graph: Any = None

    def step(self, step: int, batch: Batch) -> Tensor:
        if self.graph is None:
            self.graph = self._capture(batch)
        self.rate.fill_(self.learning_rate(step))
        self.share.fill_(1 - self.average_decay(step))
        if batch[0].shape != self.inputs[0].shape:
            return self.update(batch, self.share)
        for kept, new in zip(self.inputs, batch):
            kept.copy_(new)
        self.graph.replay()
        return self.last_loss

    def _warm_up(self) -> None:
        """Steps at a rate of zero, after which weights, average and optimizer are as before."""
        before = copy.deepcopy(self.optimizer.state_dict()["state"])
        for _ in range(WARM_UP):
            self.update(self.inputs, self.share)
        for number, state in self.optimizer.state_dict()["state"].items():
            for name, value in state.items():  # in place, because the graph reads this memory
                value.copy_(before[number][name]) if before else value.zero_()

    def _capture(self, batch: Batch) -> Any:
        self.inputs = batch[0].clone(), batch[1].clone()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self._warm_up()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.last_loss = self.update(self.inputs, self.share)
        return graph
