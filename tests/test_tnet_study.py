"""The study of TNet: its rows, runs that are never done twice, its tables and figures."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from Miniproject_1.model import Model
from others.analysis.influence import Smoothing
from others.data.course import VALIDATION, save_pair
from others.networks.catalogue import make_network
from others.networks.tnet import STAGES, TNet
from others.records.weights import save_weights
from others.studies.tnet import __main__ as study_command
from others.studies.tnet import figures, norms, rows, runs, tables
from others.studies.tnet.__main__ import Study
from others.studies.tnet.rows import ROWS, Row
from others.studies.tnet.runs import Budget, Images

BUDGET = Budget(pairs=8, epochs=2, precision="float32")
SMALL = Row("TNet", batch_size=4)


def noise(*size: int, seed: int = 0) -> Tensor:
    """Random uint8 images (N, 3, H, W)."""
    generator = Generator().manual_seed(seed)
    return torch.randint(256, (size[0], 3, *size[1:]), generator=generator).byte()


@pytest.fixture
def images() -> Images:
    """Eight pairs to train on and six to score on."""
    sets = [noise(count, 32, 32, seed=seed) for seed, count in enumerate((8, 8, 6, 6))]
    return Images(*sets)


def refuse(*arguments: object) -> Any:
    """Stands for what must not happen."""
    raise AssertionError(f"called with {arguments}")


def test_the_rows_are_those_of_the_report() -> None:
    """Both tables have the published networks, rates and losses, and five seeds for each."""
    found = {name: ROWS[name] for name in (*rows.TABLE_1, *rows.TABLE_2)}
    counts = {
        name: sum(value.numel() for value in row.make().parameters()) for name, row in found.items()
    }
    assert counts.pop("basenet") == 166_923
    assert counts.pop("unet") == 991_203
    assert counts.pop("tnet_bn") == 43_486
    assert set(counts.values()) == {43_064}
    assert [ROWS[name].learning_rate for name in rows.TABLE_1] == [1e-4, 5e-4, 9e-4]
    assert ROWS["unet"].learning_rate == 1e-3
    assert ROWS["tnet_l1"].loss == "l1"
    assert {(row.seeds, row.epochs, row.batch_size) for row in found.values()} == {(5, None, 32)}


def test_all_rows_but_the_best_have_the_same_budget() -> None:
    """Only the best rows, and the pair that is trained for longer, bring epochs of their own."""
    longer = {"tnet_long", *rows.LONG_NORMS}
    assert {name for name, row in ROWS.items() if row.epochs} == {*rows.BEST, *longer}
    for name in longer:  # but for that as in table 2
        short = ROWS[name.replace("_long", "")]
        assert ROWS[name] == replace(short, epochs=rows.LONG, seeds=3)
    assert {row.pretrained for row in ROWS.values()} == {None, "tnet", "unet"}
    named = {*rows.TABLE_1, *rows.TABLE_2, *rows.TRIED, *rows.NORMS, *rows.BEST, *longer}
    assert named == set(ROWS)


def test_a_run_is_written_with_all_it_depends_on(tmp_path: Path, images: Images) -> None:
    """The result has configuration, images, scores, loss and time; the tables follow."""
    study = Study(BUDGET, images, tmp_path / "runs", tmp_path / "results")
    study.run("tnet", SMALL, 3)
    result = json.loads((tmp_path / "results/tnet.json").read_text())
    assert result["parameters"] == 43_064
    fine, middle, coarse = 3 * 16 + 32 * 3 + 6 * 3, 16 * 32 + 64 * 16, 32 * 32 + 64 * 32
    assert result["multiply_adds"] == 9 * (32**2 * fine + 16**2 * middle + 4**2 * coarse)
    assert result["configuration"]["pairs"] == 8
    assert result["images"]["validation"] == 6
    record = result["seeds"]["3"]
    assert record["epochs"] == 2
    assert min(record["psnr_per_image_db"], record["train_loss"]) > 0
    assert record["seconds"] >= 0
    assert "| TNet | 43,064 | 5.5 M |" in (tmp_path / "results/tables.md").read_text()


def test_no_run_is_done_twice(
    tmp_path: Path, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result that is there is left alone; another seed is added to it."""
    study = Study(BUDGET, images, tmp_path / "runs", tmp_path / "results")
    study.run("tnet", SMALL, 0)
    text = (tmp_path / "results/tnet.json").read_text()
    with monkeypatch.context() as patch:
        patch.setattr(study_command, "run", refuse)
        study.run("tnet", SMALL, 0)
    assert (tmp_path / "results/tnet.json").read_text() == text
    study.run("tnet", SMALL, 1)
    assert list(json.loads((tmp_path / "results/tnet.json").read_text())["seeds"]) == ["0", "1"]


def test_a_stopped_run_goes_on_to_the_same_end(tmp_path: Path, images: Images) -> None:
    """One epoch, and then the second in another process's place, give what two in a row give."""
    runs.run(SMALL, 0, replace(BUDGET, epochs=1), images, tmp_path / "stopped")
    record, net = runs.run(SMALL, 0, BUDGET, images, tmp_path / "stopped")
    straight, other = runs.run(SMALL, 0, BUDGET, images, tmp_path / "straight")
    assert record["train_loss"] == straight["train_loss"]
    for one, two in zip(net.parameters(), other.parameters()):
        assert torch.equal(one, two)


def test_a_taught_network_learns_its_teachers_answers(
    tmp_path: Path, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Targets of all noisy images are the teacher's; asked for once."""
    row = replace(SMALL, teacher="miniproject_1")
    pairs = runs.training_set(row, images, tmp_path / "run")
    assert torch.equal(pairs.input, torch.cat([images.first, images.second]))
    model = Model()
    model.load_pretrained_model()
    expected = model.predict(pairs.input, ensemble=False).round().to(torch.uint8)
    assert (pairs.target.int() - expected.int()).abs().max() <= 1
    path = tmp_path / "run" / runs.ANSWERS
    before = path.stat().st_mtime_ns
    again = runs.training_set(row, images, tmp_path / "run")
    assert torch.equal(again.target, pairs.target)
    assert path.stat().st_mtime_ns == before
    other = replace(images, first=255 - images.first)
    runs.training_set(row, other, tmp_path / "run")
    assert path.stat().st_mtime_ns != before
    runs.training_set(row, images, tmp_path / "run")
    with monkeypatch.context() as patch:  # the same name, other weights
        bright = SimpleNamespace(apply=lambda x: torch.ones_like(x))
        patch.setattr(runs, "load_denoiser", lambda name: bright)
        assert (runs.training_set(row, images, tmp_path / "run").target == 255).all()
    assert row.configuration()["teacher"] == "miniproject_1"
    assert "teacher" not in SMALL.configuration()


def test_other_settings_do_not_mix(tmp_path: Path, images: Images) -> None:
    """Another rate, budget or set of images is refused, with what differs, before any training."""
    Study(BUDGET, images, tmp_path / "runs", tmp_path).run("tnet", SMALL, 0)
    text = (tmp_path / "tnet.json").read_text()
    fewer = replace(images, clean=images.clean[:5], noisy=images.noisy[:5])
    others: list[tuple[Row, Budget, Images, str]] = [
        (replace(SMALL, learning_rate=1e-3), BUDGET, images, "learning_rate: 0.0005 -> 0.001"),
        (SMALL, replace(BUDGET, epochs=3), images, "epochs: 2 -> 3"),
        (SMALL, BUDGET, fewer, "validation: 6 -> 5"),
    ]
    for row, budget, some, message in others:
        with pytest.raises(ValueError, match=message):
            Study(budget, some, tmp_path / "runs", tmp_path).run("tnet", row, 1)
    assert (tmp_path / "tnet.json").read_text() == text


def test_different_seeds_and_dropouts_are_different_trainings(
    tmp_path: Path, images: Images
) -> None:
    """The seed reaches the initial weights, and options without parameters the configuration."""
    first, second = (
        runs.experiment(SMALL, seed, BUDGET, images, tmp_path / str(seed)).net for seed in (0, 1)
    )
    assert not torch.equal(next(first.parameters()), next(second.parameters()))
    with pytest.raises(ValueError, match="dropout"):
        runs.experiment(replace(SMALL, options={"dropout": 0.1}), 0, BUDGET, images, tmp_path / "0")


def test_a_longer_cosine_is_another_training(tmp_path: Path, images: Images) -> None:
    """A constant rate may go on for more epochs, a schedule that ends may not."""
    row = replace(SMALL, schedule="cosine")
    runs.run(row, 0, replace(BUDGET, epochs=1), images, tmp_path)
    with pytest.raises(ValueError, match="epochs: 1 -> 2"):
        runs.run(row, 0, BUDGET, images, tmp_path)


def test_too_few_pairs_are_refused(tmp_path: Path) -> None:
    """A budget that the data does not cover is an error."""
    for name in ("train_data.pkl", VALIDATION):
        save_pair(tmp_path / name, noise(4, 8, 8), noise(4, 8, 8, seed=1))
    assert len(Images.read(tmp_path, 3).first) == 3
    with pytest.raises(ValueError, match="has 4 pairs; expected at least 5"):
        Images.read(tmp_path, 5)


def test_momentum_does_not_enter_the_training() -> None:
    """With another momentum of the running statistics the weights become the same."""
    x, trained = noise(8, 32, 32).float() / 255, []
    for momentum in (0.1, 0.9, None):
        torch.manual_seed(0)
        net = TNet(batch_norm=STAGES, momentum=momentum)
        optimizer = torch.optim.Adam(net.parameters(), 1e-3)
        for _ in range(2):
            optimizer.zero_grad()
            (net(x) - x).square().mean().backward()
            optimizer.step()
        trained.append(torch.cat([value.detach().flatten() for value in net.parameters()]))
    assert torch.equal(trained[0], trained[1])
    assert torch.equal(trained[0], trained[2])


def test_statistics_estimated_again_by_hand() -> None:
    """Without momentum they are the means over all batches; with one, the old ones fade."""
    net = nn.Sequential(nn.BatchNorm2d(3))
    x = torch.cat([torch.zeros(32, 3, 2, 2), torch.ones(32, 3, 2, 2)])
    again = next(norms.layers(norms.estimated_again(net, x, None)))
    assert again.running_mean is not None
    torch.testing.assert_close(again.running_mean, torch.full((3,), 0.5))
    faded = next(norms.layers(norms.estimated_again(net, x, 0.25)))
    assert faded.running_mean is not None
    torch.testing.assert_close(faded.running_mean, torch.full((3,), 0.25))
    assert not net[0].running_mean.any()  # type: ignore[union-attr]  # the network itself is as it was


def test_statistics_of_a_batch_are_used_and_forgotten() -> None:
    """In this mode every batch comes out with mean 0, and the running statistics stay."""
    net = nn.Sequential(nn.BatchNorm2d(3)).eval()
    fresh = norms.batchwise(net)
    answer = fresh(5 + torch.rand(4, 3, 2, 2))
    torch.testing.assert_close(answer.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    assert not fresh[0].running_mean.any()  # type: ignore[index]


def test_batch_normalisation_is_evaluated_in_all_its_modes(tmp_path: Path, images: Images) -> None:
    """One PSNR for each way to have statistics, and a table of them."""
    row = replace(ROWS["tnet_bn"], batch_size=4)
    Study(BUDGET, images, tmp_path / "runs", tmp_path).run("tnet_bn", row, 0)
    record = json.loads((tmp_path / "tnet_bn.json").read_text())["seeds"]["0"]
    assert len(record["evaluations"]) == 1 + len(norms.MOMENTA) + len(norms.BATCHES)
    assert (
        record["evaluations"]["running statistics of the training"] == record["psnr_per_image_db"]
    )
    assert "| statistics of each batch of 32 |" in (tmp_path / "tables.md").read_text()


def test_tables_by_hand() -> None:
    """Mean ± standard deviation over seeds; no ± for a single one."""
    result = {"seeds": {"0": {"psnr": 25.0}, "1": {"psnr": 25.2}}}
    assert tables.spread(result, "psnr") == "25.10 ± 0.14"
    assert tables.around([25.0]) == "25.00"
    assert tables.markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
    assert tables.markdown(["a"], []) == ""


def test_the_published_tables_are_those_of_the_results() -> None:
    """others/results/tnet/tables.md is what the JSON files beside it give."""
    path = tables.FOLDER / tables.FILE
    if not tables.read(tables.FOLDER):
        pytest.skip("the study has not been run")
    assert path.read_text(encoding="utf-8") == tables.render(tables.FOLDER)


def test_the_quick_study_runs_every_kind_of_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--quick trains, scores and measures the claims on generated images, and prints the tables."""
    few = {
        name: ROWS[name]
        for name in ("tnet", "tnet_long", "tnet_bn_long", "tnet_best", "tnet_taught")
    }
    monkeypatch.setattr(study_command, "ROWS", few)
    monkeypatch.setattr(study_command, "SMOOTHINGS", (Smoothing(1, 0.0),))
    monkeypatch.setattr(study_command, "QUICK", {"pairs": 4, "validation": 12})
    monkeypatch.setattr(sys, "argv", ["tnet_study", "--quick"])
    study_command.main()
    printed = capsys.readouterr().out
    assert "| TNet | 43,064 |" in printed
    assert "## Batch normalisation after a longer training (4 pairs × 1 epoch)" in printed
    assert "| TNet, best | 4 pairs × 1 epoch, Adam" in printed
    assert "| TNet, taught | both images of 4 pairs × 1 epoch, targets by miniproject_1" in printed
    assert "| an edge stops influence |" in printed


def test_unknown_rows_and_missing_files_end_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback for a wrong name or folder; --list shows the names."""
    monkeypatch.setattr(sys, "argv", ["tnet_study", "--only", "tnet_xxl"])
    with pytest.raises(SystemExit, match=r"unknown rows \['tnet_xxl'\]; expected some of"):
        study_command.main()
    monkeypatch.setattr(sys, "argv", ["tnet_study", "--data", str(tmp_path)])
    with pytest.raises(SystemExit, match="train_data"):
        study_command.main()
    monkeypatch.setattr(sys, "argv", ["tnet_study", "--list"])
    study_command.main()
    assert "tnet_dropout: {" in capsys.readouterr().out


def test_the_figures_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three PNGs; a pixel outside the image is refused before any of them is written."""
    torch.manual_seed(0)
    for name in ("tnet", "unet"):
        save_weights(make_network(name), tmp_path / f"{name}.pth")
    save_pair(tmp_path / VALIDATION, noise(2, 32, 32), noise(2, 32, 32, seed=1))
    asked: list[Any] = ["--data", tmp_path, "--weights", tmp_path, "--output", tmp_path / "out"]
    monkeypatch.setattr(figures, "COPIES", (1, 2))
    monkeypatch.setattr(sys, "argv", ["figures", *map(str, asked), "--n", "2"])
    figures.main()
    drawn = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in drawn] == ["figure_2.png", "figure_3.png", "smoothing.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)
    other = [*map(str, asked[:-1]), str(tmp_path / "none"), "--pixel", "40", "3"]
    monkeypatch.setattr(sys, "argv", ["figures", *other])
    with pytest.raises(SystemExit, match="outside the image of 32x32"):
        figures.main()
    assert not (tmp_path / "none").exists()


def test_the_sharpest_edge_by_hand() -> None:
    """The pixel is beside the step, not at the higher one along the border."""
    clean = torch.zeros(3, 16, 16)
    clean[:, :, 8:] = 0.5
    clean[:, 0] = 1
    row, column = figures.sharpest_edge(clean).tolist()
    assert column in (7, 8)
    assert 3 <= row < 13
