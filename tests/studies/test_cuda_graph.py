"""Training steps that are replayed from a CUDA graph: the same training, step by step."""

from pathlib import Path
from typing import Any

import pytest
import torch

from Miniproject_1.noise2noise.network import ResidualUNet
from Miniproject_1.noise2noise.progress import Progress
from Miniproject_1.noise2noise.training import Settings, Trainer
from others.studies.submission.cuda_graph import CudaGraphTrainer

SETTINGS = Settings(batch_size=4)


class _Replayed:
    """Stands in for a CUDA graph: does the step anew."""

    def __init__(self, trainer: CudaGraphTrainer) -> None:
        self.trainer = trainer
        self.replays = 0

    def replay(self) -> None:
        """Another step on what lies in the inputs."""
        self.replays += 1
        self.trainer.last_loss = self.trainer.update(self.trainer.inputs, self.trainer.share)


class _OnCPU(CudaGraphTrainer):
    """Everything but the recording itself, which no CPU can do."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        Trainer.__init__(self, *arguments, **options)
        self.prepare(capturable=False)

    def _capture(self, batch: Any) -> Any:
        self.inputs = batch[0].clone(), batch[1].clone()
        self._warm_up()
        return _Replayed(self)


def trained(kind: type, count: int) -> tuple[dict[str, torch.Tensor], Trainer]:
    """The averages of a short training of this kind, and its trainer."""
    torch.manual_seed(0)
    network = ResidualUNet((4, 8), (1, 1), (1,))
    pairs = torch.randint(0, 256, (2, count, 3, 8, 8), dtype=torch.uint8)
    trainer = kind(network, pairs[0], pairs[1], 2, settings=SETTINGS)
    trainer.run()
    return trainer.average.state_dict(), trainer


@pytest.mark.parametrize(("count", "replays"), [(8, 4), (10, 4)])
def test_a_replayed_training_is_the_same_training(count: int, replays: int) -> None:
    """Rates, averages and smaller batches are those of `Trainer`."""
    expected, _ = trained(Trainer, count)
    found, trainer = trained(_OnCPU, count)
    assert isinstance(trainer, _OnCPU)
    assert trainer.graph.replays == replays  # the last batch of ten pairs is smaller
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-7)


def test_a_training_is_continued(tmp_path: Path) -> None:
    """The state after an epoch counts no warm-up, and is continued to the same end."""
    path, pairs = tmp_path / "state.pth", torch.randint(0, 256, (2, 8, 3, 8, 8)).byte()

    def trainer() -> _OnCPU:
        torch.manual_seed(0)
        return _OnCPU(ResidualUNet((4, 8), (1, 1), (1,)), *pairs, 2, False, path, SETTINGS)

    whole = trainer()
    whole._epoch(Progress(16))
    halved = trainer()
    for one in (whole, halved):
        one._epoch(Progress(16))
    for own, other in zip(whole.network.parameters(), halved.network.parameters()):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-7)


def test_steps_are_where_the_graph_is() -> None:
    """Of a training that is continued, the numbers of steps are moved to the GPU."""
    _, trainer = trained(_OnCPU, 8)
    assert isinstance(trainer, _OnCPU)
    trainer.device = torch.device("meta")
    trainer.prepare(capturable=True)
    steps = [state["step"] for state in trainer.optimizer.state.values()]
    assert len(steps) == len(list(trainer.network.parameters()))
    assert all(step.device.type == "meta" for step in steps)


def test_no_graph_without_a_gpu() -> None:
    """A network on the CPU is refused by a sentence."""
    pairs = torch.zeros(2, 4, 3, 8, 8)
    with pytest.raises(ValueError, match="need a network on a CUDA device, not on cpu"):
        CudaGraphTrainer(ResidualUNet((4, 8)), pairs[0], pairs[1], 1)
