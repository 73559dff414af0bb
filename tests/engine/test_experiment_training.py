"""What an experiment trains on, with which settings, and what comes out."""

from __future__ import annotations

from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from others.data.noise import gaussian
from others.data.sets import Noisy, Pairs
from others.engine.experiment import Experiment
from others.engine.losses import l1, l2
from others.engine.stats_manager import StatsManager
from others.records.checkpoints import BEST, LAST
from tests.helpers.experiments import Make, images, same
from tests.helpers.images import fixed


def test_best(make: Make, tmp_path: Path) -> None:
    """best.pth has the weights of the epoch with the highest score, last.pth those of the last."""

    class SecondIsBest(StatsManager):
        def score(self, figures: dict[str, float]) -> float:
            return [0.5, 2.0, 1.0][experiment.epoch]

    kept: list[dict[str, Tensor]] = []
    experiment = make(stats_manager=SecondIsBest())

    def keep(experiment: Experiment) -> None:
        kept.append({name: value.clone() for name, value in experiment.net.state_dict().items()})

    experiment.run(3, plot=keep)
    assert experiment.best == {"epoch": 2, "score": 2.0}
    folder = tmp_path / "experiment"
    assert same(torch.load(folder / BEST), kept[2])
    assert same(torch.load(folder / LAST)["net"], kept[3])


def test_order(make: Make) -> None:
    """An epoch shows every image once, in another order than the last; with steps_per_epoch it
    is this number of full batches."""

    class Counting(Pairs):
        def to(self, device: torch.device) -> Pairs:
            return self

        def batch(self, indices: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
            drawn.append(indices.tolist())
            return super().batch(indices, generator)

    drawn: list[list[int]] = []
    data = Counting(images(10), images(10))
    make(train_set=data, output_dir=None).run(2)
    assert [len(batch) for batch in drawn] == [4, 4, 2] * 2
    first, second = list(chain(*drawn[:3])), list(chain(*drawn[3:]))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    drawn.clear()
    make(train_set=data, steps_per_epoch=5, output_dir=None).run(1)
    assert [len(batch) for batch in drawn] == [4] * 5
    assert sorted(list(chain(*drawn))[:10]) == list(range(10))


def test_share_done(make: Make) -> None:
    """Schedule and loss are told the share of the training that is done, growing from 0 to 1."""
    shares: list[float] = []

    def loss(y: Tensor, d: Tensor, share: float) -> Tensor:
        shares.append(share)
        return l2(y, d)

    experiment = make(
        loss=loss,
        schedule=lambda share: 1 - share,
        output_dir=None,
        perform_validation_during_training=False,
    )
    experiment.run(2)
    assert shares == pytest.approx([k / 7 for k in range(1, 7)])
    assert [entry["learning_rate"] for entry in experiment.history] == pytest.approx(
        [1e-2 * 4 / 7, 1e-2 / 7]
    )


def test_average_by_hand(make: Make) -> None:
    """The average after steps 1 and 2 is that of the weights with decays 1/10 and 2/11."""
    seen: list[Tensor] = []

    def keep(experiment: Experiment) -> None:
        seen.append(experiment.net.get_parameter("last.bias").detach().clone())

    experiment = make(average=0.9, batch_size=10, output_dir=None)
    experiment.run(2, plot=keep)
    expected = seen[0].lerp(seen[1], 9 / 10).lerp(seen[2], 9 / 11)
    torch.testing.assert_close(experiment.denoiser.get_parameter("last.bias"), expected)


def test_a_plain_network(make: Make) -> None:
    """Any module can be trained, by default with the mean squared error; L1 is another loss; in
    bfloat16 the weights stay float32."""
    results = []
    settings: tuple[dict[str, Any], ...] = ({}, {"loss": l1}, {"precision": "bfloat16"})
    for changes in settings:
        net = nn.Conv2d(3, 3, 1, bias=False)
        nn.init.dirac_(net.weight)
        results.append(make(net, output_dir=None, **changes).run(1)[0]["train"]["loss"])
        assert net.weight.dtype == torch.float32
    assert results[0] == pytest.approx(results[2], rel=0.05)
    assert results[0] != pytest.approx(results[1], rel=0.05)


def test_training_denoises(make: Make) -> None:
    """From noisy targets alone, a network learns to be better than the noisy images."""
    source, noise = fixed((images(1) // 4).repeat(16, 1, 1, 1)), partial(gaussian, std=0.1)
    train_set, val_set = Noisy(source, noise, noisy_targets=True), Noisy(source, noise)
    experiment = make(train_set=train_set, val_set=val_set, steps_per_epoch=40, output_dir=None)
    before = experiment.evaluate()["psnr_per_image_db"]
    assert experiment.run(1)[0]["validation"]["psnr_per_image_db"] > before + 1


def test_evaluate_is_repeatable(make: Make) -> None:
    """Validation draws the same noise each time, and leaves the network in training mode."""
    experiment = make(output_dir=None)
    assert experiment.evaluate() == experiment.evaluate()
    assert experiment.net.training
    samples = experiment.samples(2)
    assert {name: tuple(batch.shape) for name, batch in samples.items()} == dict.fromkeys(
        ("noisy", "denoised", "clean"), (2, 3, 8, 8)
    )
    assert torch.equal(samples["clean"], images(5, seed=1)[:2].float() / 255)


@pytest.mark.parametrize(
    "pixels",
    [
        torch.zeros(5, 3, 8, 8),
        torch.full((5, 3, 8, 8), 255),
        images(1).expand(5, -1, -1, -1),
        images(1),
        images(1)[..., :1, :1],
        images(3)[..., :3, :7],
        images(1).repeat(1, 1, 125, 125),
    ],
    ids=["black", "white", "one five times", "one", "one pixel", "3x7", "1000x1000"],
)
def test_degenerate_images(make: Make, pixels: Tensor) -> None:
    """From images that teach little or nothing, what is trained and measured stays finite."""
    data = Noisy(fixed(pixels.byte().contiguous()), partial(gaussian, std=0.1), noisy_targets=True)
    net = nn.Conv2d(3, 3, 3, padding=1)
    history = make(net, train_set=data, val_set=data, average=0.9).run(2)
    parts = [entry[part] for entry in history for part in ("train", "validation")]
    assert torch.tensor([value for part in parts for value in part.values()]).isfinite().all()
    assert all(value.isfinite().all() for value in net.state_dict().values())
