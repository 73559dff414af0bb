"""The training of Miniproject 1 with its steps captured as a CUDA graph.

A step of a small network is hundreds of short kernels, which a processor launches more slowly than
a GPU runs them. Captured once and replayed, they are one launch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from Miniproject_1.noise2noise.training import Batch, Trainer

WARM_UP = 3  # steps before the capture, at a rate of zero


class CapturedTrainer(Trainer):
    """A `Trainer` whose steps are replayed; ValueError unless the network is on a CUDA device.

    The arguments are those of `Trainer`. Batches of another shape than the first, such as a last
    one that is smaller, are trained on as usual.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if self.device.type != "cuda":
            raise ValueError(f"steps are captured on a CUDA device only, not on {self.device}")
        self._prepare(capturable=True)

    def _prepare(self, capturable: bool) -> None:
        """What changes from step to step becomes tensors, which a captured step reads anew."""
        self.rate = torch.zeros((), device=self.device)
        self.share = torch.zeros((), device=self.device)  # of the new weights in the average
        for group in self.optimizer.param_groups:
            group.update(lr=self.rate, capturable=capturable)
        self.graph: Any = None

    def _step(self, step: int, batch: Batch) -> Tensor:
        if self.graph is None:
            self.graph = self._capture(batch)
        self.rate.fill_(self._rate(step))
        self.share.fill_(1 - self._decay(step))
        if batch[0].shape != self.inputs[0].shape:
            return self._update(batch, self.share)
        for kept, new in zip(self.inputs, batch):
            kept.copy_(new)
        self.graph.replay()
        return self.loss

    def _capture(self, batch: Batch) -> Any:
        self.inputs = batch[0].clone(), batch[1].clone()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self._update(self.inputs, self.share)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.loss = self._update(self.inputs, self.share)
        return graph
