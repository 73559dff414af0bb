"""The assignment: its data, the study that trains and scores, the page of answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from others.data.generated import generate, leaves
from others.data.seeds import seed_of, seeded
from others.networks.pretrained import load_network
from others.records.paths import PRETRAINED, RESULTS
from others.records.study import read_study
from others.records.table import markdown
from others.studies.assignment import __main__ as command
from others.studies.assignment import answers, evaluate, figures, receptive_fields, scores, study
from others.studies.assignment.dataset import NoisyBSDSDataset
from others.studies.assignment.trainings import PROTOCOLS, AssignmentStudy

TINY = PROTOCOLS["quick"]._replace(epochs=2, steps_per_epoch=2, crop=16, test_crop=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photograph-like images, 3 to train on and 2 to test on, of 64x48 and 48x64 pixels."""
    path = tmp_path_factory.mktemp("images")
    pixels = leaves(5, seeded(0)).permute(0, 2, 3, 1).contiguous().numpy()
    for number, image in enumerate(pixels):
        mode = "train" if number < 3 else "test"
        (path / mode).mkdir(exist_ok=True)
        box = (0, 0, 64, 48) if number % 2 else (0, 0, 48, 64)
        Image.fromarray(image).crop(box).save(path / mode / f"{number}.png")
    return path


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of four steps."""
    monkeypatch.setitem(PROTOCOLS, "quick", TINY)


def everything(data: NoisyBSDSDataset, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A batch of all images."""
    return data.batch(torch.arange(len(data)), seeded(seed))


def test_range_and_noise(folder: Path) -> None:
    """Clean crops are in [-1, 1]; the noise has the deviation 2 sigma / 255 and is not clipped."""
    noisy, clean = everything(NoisyBSDSDataset(folder, "train", (48, 40), sigma=30))
    assert noisy.shape == clean.shape == (3, 3, 48, 40)
    assert -1 <= clean.min() < -0.5 < 0.5 < clean.max() <= 1
    assert (noisy - clean).std() == pytest.approx(60 / 255, rel=0.02)
    assert abs(noisy - clean).mean() == pytest.approx(60 / 255 * 0.798, rel=0.03)
    assert noisy.abs().max() > 1


def test_noisy_targets(folder: Path) -> None:
    """For Noise2Noise the target is the same crop with noise of its own."""
    data = NoisyBSDSDataset(folder, "train", (48, 40), noisy_targets=True)
    first, second = everything(data)
    clean = everything(NoisyBSDSDataset(folder, "train", (48, 40)))[1]
    noises = torch.stack([(first - clean).flatten(), (second - clean).flatten()])
    assert torch.corrcoef(noises)[0, 1].abs() < 0.03
    assert noises.std(1).tolist() == pytest.approx([60 / 255, 60 / 255], rel=0.03)


def test_seeds(folder: Path) -> None:
    """With a seed an item is always the same; without, it is another crop each time."""
    fixed, other = (NoisyBSDSDataset(folder, "train", (32, 32), seed=s) for s in (1, 2))
    assert torch.equal(fixed[1][0], fixed[1][0])
    assert torch.equal(fixed[-1][1], fixed[2][1])
    assert not torch.equal(fixed[1][0], other[1][0])
    drawn = NoisyBSDSDataset(folder, "train", (32, 32))
    assert not torch.equal(drawn[1][1], drawn[1][1])
    assert torch.equal(everything(drawn)[0], everything(drawn)[0])
    with pytest.raises(IndexError):
        drawn[3]
    assert repr(drawn) == "NoisyBSDSDataset(mode=train, image_size=(32, 32), sigma=30)"


def test_every_crop_can_be_drawn(folder: Path) -> None:
    """The last row and column are among the crops, which `randint(size - crop)` would leave out."""
    whole = NoisyBSDSDataset(folder, "test", (48, 48), seed=0)
    drawn = {everything(whole, seed)[1][0].sum().item() for seed in range(120)}
    assert len(drawn) == 17


def test_bad_data(folder: Path, tmp_path: Path) -> None:
    """What is missing, empty, too small or misnamed is said, with what was expected."""
    with pytest.raises(FileNotFoundError, match="no such folder"):
        NoisyBSDSDataset(tmp_path / "nowhere")
    (tmp_path / "train").mkdir()
    with pytest.raises(FileNotFoundError, match="no images"):
        NoisyBSDSDataset(tmp_path)
    with pytest.raises(ValueError, match="smaller than the crop of 180x180"):
        NoisyBSDSDataset(folder)
    with pytest.raises(ValueError, match="expected one of train, test"):
        NoisyBSDSDataset(folder, "validation")


def test_a_truncated_image_is_skipped(folder: Path, tmp_path: Path) -> None:
    """A warning names it; the others are used."""
    (tmp_path / "train").mkdir()
    content = (folder / "train" / "0.png").read_bytes()
    (tmp_path / "train" / "good.png").write_bytes(content)
    (tmp_path / "train" / "half.png").write_bytes(content[: len(content) // 2])
    with pytest.warns(UserWarning, match=r"half\.png"):
        assert len(NoisyBSDSDataset(tmp_path, "train", (16, 16))) == 1


def test_generated_images(tmp_path: Path) -> None:
    """They are RGB of 256x256, of many values, and kept where they are there already."""
    generate(tmp_path, train=1, test=1)
    names = ["test/000.png", "train/000.png"]
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.png")) == names
    before = (tmp_path / names[0]).stat().st_mtime_ns
    generate(tmp_path, train=1, test=1)
    assert (tmp_path / names[0]).stat().st_mtime_ns == before
    with Image.open(tmp_path / names[0]) as image:
        assert (image.mode, image.size) == ("RGB", (256, 256))
        assert len(set(image.convert("L").tobytes())) > 50


def test_score_of_the_noisy_input(folder: Path) -> None:
    """Doing nothing scores 20 log10(255 / 30) = 18.59 dB, the same whenever it is asked."""
    test = NoisyBSDSDataset(folder, "test", (40, 40))
    row = scores.score(nn.Identity(), test, draws=3)
    assert row["psnr_unclipped_db"] == pytest.approx(18.59, abs=0.15)
    assert 0 < row["psnr_unclipped_std_db"] < 0.2
    assert len(set(row["psnr_unclipped_draws_db"])) == 3
    assert row["psnr_per_image_db"] > row["psnr_unclipped_db"]
    assert row == scores.score(nn.Identity(), test, draws=3)


def test_the_score_is_the_mean_over_images(folder: Path) -> None:
    """A mini-batch is an image: a network that answers black scores each image by itself."""

    class Black(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.full_like(x, -1.0)

    test, psnr = NoisyBSDSDataset(folder, "test", (48, 48)), []
    for index in range(len(test)):
        _, clean = test.batch(torch.tensor([index]), seeded(seed_of("test", 0, index)))
        psnr.append(-10 * torch.log10(((clean + 1) / 2).square().mean()).item())
    found = scores.figures_of_draw(Black(), test, draw=0)["PSNR"]
    assert found == pytest.approx(sum(psnr) / len(psnr), abs=1e-4)
    assert len(psnr) > 1


@pytest.mark.usefixtures("tiny")
def test_the_study_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    """It trains, scores and installs, adds what is missing, and does nothing twice."""
    results, pretrained = tmp_path / "results" / "quick.json", tmp_path / "pretrained"
    arguments = "quick", folder, tmp_path, results, pretrained
    before = AssignmentStudy(*arguments).run(["udncnn"], say=str)
    assert before["rows"].keys() == {"noisy", "udncnn"}
    found = AssignmentStudy(*arguments).run(["udncnn", "udncnn_n2n"], say=str)
    assert read_study(results) == found
    assert found["rows"]["udncnn"] == before["rows"]["udncnn"]  # its times too
    noisy = found["rows"]["udncnn_n2n"]["seeds"]["0"]
    assert noisy["configuration"]["train_set"]["noisy_targets"] is True
    assert [entry["epoch"] for entry in noisy["history"]] == [1, 2]
    for name in ("udncnn", "udncnn_n2n"):
        weights = pretrained / f"{name}.pth"
        assert weights.stat().st_size < 1_000_000
        assert load_network("udncnn", weights)
    assert (tmp_path / "quick" / "udncnn" / "0" / "training.png").is_file()


@pytest.mark.usefixtures("tiny")
def test_further_seeds_are_trainings_of_their_own(folder: Path, tmp_path: Path) -> None:
    """A second seed gives other weights, and the table says how far trainings differ."""
    results = AssignmentStudy("quick", folder, tmp_path).run(["udncnn"], seeds=2, say=str)
    runs = results["rows"]["udncnn"]["seeds"]
    assert runs["0"]["sha256"] != runs["1"]["sha256"]
    assert results["rows"]["noisy"]["seeds"].keys() == {"0"}
    assert "std over trainings" in markdown(scores.score_table(results))


@pytest.mark.usefixtures("tiny")
def test_results_of_other_settings_are_not_mixed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results of another protocol are refused with the difference, and left as they were."""
    AssignmentStudy("quick", folder, tmp_path).run([], say=str)
    before = (tmp_path / "quick.json").read_bytes()
    monkeypatch.setitem(PROTOCOLS, "quick", TINY._replace(batch_size=2))
    with pytest.raises(ValueError, match="batch_size: 4 -> 2"):
        AssignmentStudy("quick", folder, tmp_path)
    assert (tmp_path / "quick.json").read_bytes() == before


@pytest.mark.usefixtures("tiny")
def test_evaluation_gives_the_scores_of_the_study(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The table from the weights is the one of the results; missing weights are named."""
    monkeypatch.setattr(scores, "TEST_SIZE", TINY.test_crop)
    results = AssignmentStudy("quick", folder, tmp_path).run(["udncnn"], say=str)
    where = ["--data", str(folder), "--weights", str(tmp_path / "quick/weights_0"), "--draws", "1"]
    evaluate.main([*where, "--rows", "udncnn", "--json", str(tmp_path / "rows.json")])
    found = json.loads((tmp_path / "rows.json").read_text())
    run = found["rows"]["udncnn"]["seeds"]["0"]
    trained = results["rows"]["udncnn"]["seeds"]["0"]
    assert run["psnr_unclipped_db"] == trained["psnr_unclipped_db"]
    printed = capsys.readouterr().out
    assert markdown(scores.score_table(found)) in printed
    assert "±" not in printed  # a single draw shows no deviation
    with pytest.raises(SystemExit, match=r"dncnn\.pth"):
        evaluate.main(where)


def test_committed_results() -> None:
    """Their weights are there, under 1 MB each; DUDnCNN is ahead of DnCNN, and that of UDnCNN."""
    digests = set()
    for path in (RESULTS / "assignment").glob("*.json"):
        if path.stem in ("bonus", "early"):  # their networks are not kept
            continue
        rows = read_study(path)["rows"]
        for name, row in scores.study_rows().items():
            assert rows[name]["changes"] == row.changes
            assert rows[name].get("parameters") == row.about.get("parameters")
        order = ("dudncnn", "dncnn", "udncnn")
        found = [scores.psnr_over_draws(rows[name]).mean for name in order]
        assert found == sorted(found, reverse=True)
        trained = {name: row for name, row in rows.items() if name != scores.NOISY}
        digests |= {(name, row["seeds"]["0"]["sha256"]) for name, row in trained.items()}
    assert digests
    for name, digest in digests:
        content = (PRETRAINED / f"{name}.pth").read_bytes()
        assert len(content) < 1_000_000
        assert hashlib.sha256(content).hexdigest() == digest


def test_receptive_fields_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints parameters, cost and field of the networks that are asked for."""
    receptive_fields.main(["--net", "dncnn"])
    lines = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines()]
    assert [cell.strip() for cell in lines[2]] == ["dncnn", "225,859", "224.6", "17"]


@pytest.mark.usefixtures("tiny")
def test_quick_answers_every_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without images or weights there are six figures and a page with all 23 answers."""
    monkeypatch.setattr(command, "INITIAL", 32)
    monkeypatch.setattr(command, "EXAMPLES", (0,))
    monkeypatch.setattr(command, "generate", lambda data: generate(data, 2, 2))
    command.main(["--quick", "--output", str(tmp_path)])
    assert str(tmp_path / "answers.md") in capsys.readouterr().out
    text = (tmp_path / "answers.md").read_text(encoding="utf-8")
    assert [f"## Question {number}: " in text for number in range(1, 24)] == [True] * 23
    for number in (3, 6, 8, 11, 12, 22):
        assert f"(question_{number}.png)" in text
        assert (tmp_path / f"question_{number}.png").read_bytes().startswith(b"\x89PNG")
    for fact in ("3,523 + 37,056 D", "225,859", "17×17", "40×40 or 44×44", "39×39", "D = 14"):
        assert fact in text


def test_answers_without_what_they_need(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, usage_error: Callable[..., str]
) -> None:
    """Missing images or results end the command with a sentence, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert "expected --data with a folder" in usage_error(command.main)
    with pytest.raises(SystemExit, match=r"others\.studies\.assignment\.study"):
        command.main(["--data", "x", "--results", "none.json"])
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_unfinished_results(tmp_path: Path) -> None:
    """Results that lack a network are named, for the page compares all three."""
    rows = {"dncnn": {"changes": {}, "seeds": {}}}
    (tmp_path / "short.json").write_text(json.dumps({"setting": {}, "rows": rows}))
    with pytest.raises(ValueError, match="no row udncnn, dudncnn"):
        command.read_results(tmp_path / "short.json")


def test_kept_gradient() -> None:
    """An answer of half the contrast has a quarter of the squared differences."""
    clean = torch.rand(3, 8, 8)
    assert answers.kept_gradient(0.5 * clean, clean) == pytest.approx(0.25, rel=1e-5)


def test_followed_gradient() -> None:
    """Half the contrast follows the clean image all the same; noise raises what is kept instead."""
    clean = torch.rand(3, 32, 32, generator=seeded(0))
    assert answers.followed_gradient(0.5 * clean, clean) == pytest.approx(1, abs=1e-5)
    noisy = clean + torch.randn(clean.shape, generator=seeded(1))
    assert answers.followed_gradient(noisy, clean) < 0.5
    assert answers.kept_gradient(noisy, clean) > 2


def test_the_liveliest_detail() -> None:
    """The detail that is shown large is where the image changes most."""
    image = torch.zeros(3, 64, 96)
    image[:, 40:56, 72:88] = torch.rand(3, 16, 16)
    assert figures.liveliest(image, 16) == (40, 72)


def test_the_study_names_what_it_needs(usage_error: Callable[..., str]) -> None:
    """An empty folder is a sentence; an unknown row is an error of usage that lists the rows."""
    with pytest.raises(SystemExit, match="no such folder"):
        study.main(["--data", "nowhere"])
    assert "udncnn_n2n" in usage_error(study.main, "--data", "nowhere", "--only", "nonsense")
