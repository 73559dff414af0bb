"""What is measured of the bias-free models: the table of noise, the twin, the source's advice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from others.analysis.scoring import score, scores, squares, with_noise
from others.networks.biasfree.networks import build_network
from others.networks.pretrained import Denoiser
from others.networks.receptive_field import Field
from others.records.paths import CONFIGS, RESULTS
from others.records.settings import merged
from others.records.study import read_study
from others.report.pages import GENERALISATIONS
from others.studies.biasfree import ablation, generalisation
from others.studies.biasfree import noise_table as table
from others.studies.biasfree.advice import MEASURES, PLAIN, ROWS
from others.studies.biasfree.judgement import (
    SIGMAS,
    SOURCE,
    TWINS,
    advice_table,
    error_table,
    findings,
    findings_in_words,
    judged,
)
from others.studies.biasfree.objective import Objective
from others.studies.biasfree.pipeline import load_pipeline, parse
from tests.helpers.images import write_images

TINY: dict[str, Any] = {
    "model": {"blocks": 1, "channels": 4, "base_kernel": 3, "head": "plain"},
    "training": {"crop": 8, "batch_size": 2, "epochs": 1, "steps_per_epoch": 1},
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three images."""
    write_images(tmp_path / "photos", [(16, 20), (18, 16), (20, 20)])
    return tmp_path / "photos"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A tiny pipeline."""
    (tmp_path / "config.json").write_text(json.dumps(TINY))
    return tmp_path / "config.json"


def test_squares_and_noise(photos: Path) -> None:
    """Squares are from the middle of the first images; noise is always the same, and as a file has
    it unless asked otherwise."""
    clean = squares(photos, 16, 2)
    assert clean.shape == (2, 3, 16, 16)
    grey = torch.full((4, 3, 64, 64), 0.5)
    noisy = with_noise(grey, 20)
    assert torch.equal(noisy, with_noise(grey, 20))
    assert torch.equal(noisy, with_noise(grey, 20.0))  # as a command line has it
    assert not torch.equal(noisy, with_noise(grey, 20.5))
    assert 255 * float((noisy - grey).std()) == pytest.approx(0.88 * 20, rel=0.03)
    steps = 255 * noisy
    torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)
    assert float(with_noise(grey, 400, clip=False).min()) < 0


def test_score_by_hand() -> None:
    """Answers are clipped and rounded; an error of 3 grey levels everywhere is 3, and 38.6 dB."""
    clean = torch.full((12, 3, 4, 4), 100 / 255)
    found = score(lambda x: x + 3.2 / 255, clean, clean)
    assert found["mae"] == pytest.approx(3, abs=1e-3)
    assert found["psnr_per_image_db"] == pytest.approx(38.588, abs=1e-3)
    assert list(scores(lambda x: x, clean, (1, 80))) == ["1", "80"]


def test_table(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every model is scored at every level and saved; what is there is not measured again, unless
    the model has other weights; other images are refused."""
    asked: list[str] = []

    def load(name: str) -> Denoiser:
        asked.append(name)
        return Denoiser(nn.AvgPool2d(3, 1, 1), Field(1, 1), torch.device("cpu"))

    monkeypatch.setattr(table, "model_names", lambda: ["blur"])
    monkeypatch.setattr(table, "load_denoiser", load)
    monkeypatch.setattr(table, "non_local_means", lambda sigma, images: images)
    path = tmp_path / "table.json"
    options = ["--images", str(photos), "--side", "16", "--output", str(tmp_path), "--models"]
    table.main([*options, "blur", "--only", "table"])
    table.main([*options, "blur", table.NLM, "--only", "table"])
    assert asked == ["blur"]
    rows = read_study(path)["rows"]
    assert list(rows) == ["noisy", "blur", table.NLM]
    assert rows[table.NLM]["seeds"] == rows["noisy"]["seeds"]
    assert list(rows["blur"]["seeds"]["0"]) == [str(sigma) for sigma in SIGMAS]
    lines = capsys.readouterr().out.splitlines()
    assert "σ\tnoisy\tblur\tnon_local_means\tsource, noisy\tsource, denoised" in lines
    assert lines[-4].startswith("80\t")  # before a sentence on each model, and the file
    assert lines[-1] == f"{path}: the results"
    monkeypatch.setattr(table, "weights_file", lambda name: tmp_path / f"{name}.pth")
    (tmp_path / "blur.pth").write_bytes(b"other weights")
    for _ in range(2):
        table.main([*options, "blur", "--only", "table"])
    assert asked == ["blur", "blur"]
    with pytest.raises(SystemExit, match="images: 3 -> 2"):
        table.main([*options, "blur", "--count", "2"])


def test_non_local_means() -> None:
    """Channels and images keep their order, and an image of noise gets smoother."""
    clean = torch.stack([torch.full((3, 24, 24), 0.3), torch.full((3, 24, 24), 0.6)])
    clean[:, 1] += 0.2
    noisy = with_noise(clean, 20)
    answer = table.non_local_means(20, noisy)
    assert float((answer - clean).square().mean()) < 0.3 * float((noisy - clean).square().mean())


def study_of(scores: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Results of the table of noise and error, as their file has them."""
    return {"rows": {name: {"changes": {}, "seeds": {"0": row}} for name, row in scores.items()}}


def test_findings_by_hand() -> None:
    """A model that halves the source's errors, and is worse than its input at σ = 1 only."""
    pairs = {str(s): pair for s, pair in SOURCE.items()}
    noisy = {s: {"mae": pair[0], "psnr_per_image_db": 0.0} for s, pair in pairs.items()}
    half = {s: {"mae": pair[1] / 2, "psnr_per_image_db": 0.0} for s, pair in pairs.items()}
    found = findings(study_of({"noisy": noisy, "half": half}))
    assert found == {"half": {"worse_than_input_at": [1], "mae_over_source": 0.5}}
    half["1"]["mae"] = 0.0  # where the source is worse than its input, nothing is compared
    results = study_of({"noisy": noisy, "half": half})
    assert findings_in_words(results) == [
        "half is never worse than its input, and its mean error is 0.50 times the source's error "
        "on its own images."
    ]
    found = findings(results)
    assert found["half"] == {"worse_than_input_at": [], "mae_over_source": 0.5}


def test_the_table_of_errors() -> None:
    """Every line has a cell for each model and the source's two, all of them strings."""
    row = {str(s): {"mae": 1.234, "psnr_per_image_db": 30.0} for s in SIGMAS}
    table = error_table(study_of({"noisy": row, "other": row}))
    headers = [column.header for column in table.columns]
    assert headers == ["σ", "noisy", "other", "source, noisy", "source, denoised"]
    assert table.rows[0] == ["1", "1.23 (30.00 dB)", "1.23 (30.00 dB)", "0.65", "4.33"]
    assert len(table.rows) == len(SIGMAS)


def test_generalisation(
    photos: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both twins are trained with every seed, scored at every σ and drawn; done again, nothing is
    trained. All files are called like the configuration, and so no other one's are written over."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(generalisation, "RESULTS", tmp_path)
    curve = tmp_path / "biasfree" / "generalisation" / f"{config.stem}.json"
    options = ["--config", str(config), "--data", str(photos), "--images", str(photos)]
    options += ["--side", "16", "--seeds", "2"]
    generalisation.main(options)
    first = curve.read_bytes()
    rows = json.loads(first)["rows"]
    assert list(rows) == ["noisy", "bias_free", "with_biases"]
    assert list(rows["bias_free"]) == [str(sigma) for sigma in generalisation.SIGMAS]
    cell, noisy = rows["with_biases"]["100"], rows["noisy"]["100"]
    assert cell["gain_db"] == pytest.approx(
        cell["psnr_per_image_db"] - noisy["psnr_per_image_db"], abs=2e-3
    )
    assert curve.with_suffix(".png").stat().st_size > 5000
    trained = (tmp_path / "out" / config.stem).rglob("last.pth")
    times = {path: path.stat().st_mtime_ns for path in trained}
    assert len(times) == 4
    generalisation.main(options)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert curve.read_bytes() == first


def test_twins_differ_in_biases_only() -> None:
    """The twin has the same layers, and a bias in every convolution and norm."""
    pipeline = load_pipeline(CONFIGS / "generalisation.json")
    nets = [build_network(generalisation.twin(pipeline, bias, 1).model) for bias in (False, True)]
    kernels = [[tuple(v.shape) for v in net.parameters() if v.dim() == 4] for net in nets]
    assert kernels[0] == kernels[1]
    assert not any(name.endswith("bias") for name, _ in nets[0].named_parameters())
    convolutions = [m for m in nets[1].modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
    assert all(module.bias is not None for module in convolutions)


def test_every_row_is_a_pipeline() -> None:
    """Each row changes the plain configuration into one that makes a network; every claim of the
    source has a row."""
    base = json.loads((CONFIGS / "ablation.json").read_text())
    plain = parse(base)
    for name, row in ROWS.items():
        pipeline = ablation.variant(base, row.changes, 3)
        assert (replace(pipeline, training=plain.training) == plain) == (name == PLAIN), name
        assert pipeline.training.seed == 3
        net = build_network(pipeline.model)
        Objective(net, pipeline.loss)(net(torch.rand(1, 3, 16, 16)), torch.rand(1, 3, 16, 16), 0.0)
    claims = [claim for row in ROWS.values() for claim in row.claims]
    assert {claim.number for claim in claims} == set(range(1, 8))
    assert {claim.measure for claim in claims} == set(MEASURES)


def test_ablation_is_continued(
    photos: Path, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs are saved one by one and not run again; another budget is refused."""
    path = tmp_path / "ablation.json"
    options = ["--config", str(config), "--data", str(photos), "--images", str(photos)]
    options += ["--side", "16", "--json", str(path), "--only", "hinge 1"]
    ablation.main([*options, "--seeds", "1"])
    ablation.main([*options, "--seeds", "2"])
    lines = capsys.readouterr().out.splitlines()
    runs = [line.split(":")[0] for line in lines if ", seed " in line]
    assert runs == ["plain, seed 0", "hinge 1, seed 0", "plain, seed 1", "hinge 1, seed 1"]
    assert judged(read_study(path))["hinge 1"]["seeds"] == 2
    assert lines[-2].startswith("hinge 1: claim 1, a small hinge in the loss works very well: ")
    with pytest.raises(SystemExit, match="side: 16 -> 12"):
        ablation.main([*options, "--side", "12"])
    config.write_text(json.dumps(merged(TINY, {"training": {"steps_per_epoch": 2}})))
    with pytest.raises(SystemExit, match=r"base\.training\.steps_per_epoch: 1 -> 2"):
        ablation.main(options)
    config.write_text(json.dumps({"model": {"blocks": -1}}))
    with pytest.raises(SystemExit, match=r"config\.json: model\.blocks is -1"):
        ablation.main([*options, "--json", str(tmp_path / "other.json")])
    with pytest.raises(SystemExit, match="2"):
        ablation.main([*options, "--seeds", "0"])


def test_verdicts_by_hand() -> None:
    """A row that a claim advises against has to lose; each measure is judged on its own."""

    def runs(inside: float) -> dict[str, Any]:
        one = {
            "inside_psnr_per_image_db": inside,
            "beyond_psnr_per_image_db": inside,
            "early_psnr_per_image_db": inside,
            "worst": inside,
        }
        one |= {"cpu_seconds": 2.0, "parameters": 5}
        return {"seeds": {str(seed): one for seed in range(3)}}

    rows = {PLAIN: runs(20), "final norm": runs(19), "residual": runs(19), "of old": runs(1)}
    lines = judged({"rows": rows})
    assert list(lines) == ["final norm", "residual"]
    assert [claim["verdict"] for claim in lines["final norm"]["claims"]] == ["holds"]
    assert [claim["verdict"] for claim in lines["residual"]["claims"]] == ["refuted"] * 3
    assert lines["residual"]["inside_psnr_per_image_db"]["gain"] == -1
    assert lines["residual"]["times_cpu_seconds"] == lines["residual"]["times_parameters"] == 1
    table = advice_table({"rows": rows})
    assert table.rows[0][:2] == ["final norm", "−1.00 ± 0.00"]
    assert len(table.columns) == len(table.rows[0]) == 8


def test_worst_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """One in a thousand of 3,000 values is three of them, which exceed the fourth largest error."""
    clean = torch.full((1, 3, 10, 100), 0.2)
    errors = torch.zeros(3000)
    errors[[5, 50, 500, 1500, 2500]] = torch.tensor([50.0, 10.0, 40.0, 20.0, 30.0]) / 255
    found = ablation.worst(lambda x: clean + errors.view_as(clean), clean, 10)
    assert found == pytest.approx(20, abs=1e-3)


def test_images_are_not_changed() -> None:
    """Scoring leaves the images as they were."""
    clean = torch.rand(2, 3, 8, 8)
    before: Tensor = clean.clone()
    scores(lambda x: x * 0, clean, (30,))
    assert torch.equal(clean, before)


def published(name: str) -> dict[str, Any]:
    """A result of others/results/biasfree."""
    return json.loads((RESULTS / "biasfree" / f"{name}.json").read_text(encoding="utf-8"))


def test_published_table() -> None:
    """The pretrained models are better than their input at every σ, and below the source."""
    for name, found in findings(published("table")).items():
        if name.startswith("biasfree"):
            assert found["worse_than_input_at"] == []
            assert found["mae_over_source"] < 0.9


@pytest.mark.parametrize("name", ["ablation", "ablation_again"])
def test_a_published_study_can_be_continued(name: str) -> None:
    """A published file has the setting of the configuration and the rows of the table of advice."""
    results = read_study(RESULTS / "biasfree" / f"{name}.json")
    assert results["setting"]["base"] == load_pipeline(CONFIGS / "ablation.json").as_json()
    assert {n: row["changes"] for n, row in results["rows"].items()} == {
        n: row.changes for n, row in ROWS.items()
    }


def test_published_weights_are_those_that_were_measured() -> None:
    """Nothing in the table would be measured again."""
    for name, row in published("table")["rows"].items():
        assert table.weights_row(name).changes == row["changes"]


@pytest.mark.parametrize("name", sorted(GENERALISATIONS.values()))
def test_published_generalisation(name: str) -> None:
    """Where both were trained the twins agree; far beyond, the one without biases is ahead."""
    rows = published(f"generalisation/{name}")["rows"]
    ahead = {
        sigma: rows["bias_free"][sigma]["psnr_per_image_db"]
        - rows["with_biases"][sigma]["psnr_per_image_db"]
        for sigma in ("5", "10", "50", "100")
    }
    assert abs(ahead["5"]) < 0.5
    assert abs(ahead["10"]) < 0.5
    assert 0.5 < ahead["50"] < ahead["100"]
    assert ahead["100"] > 1


def test_the_twin_of_the_chain_collapses() -> None:
    """The twin's gain over the noisy image falls to less than half; the bias-free one's rises."""
    rows = published("generalisation/generalisation_chain")["rows"]
    free, twin = ({s: rows[name][s]["gain_db"] for s in ("10", "100")} for name in TWINS)
    assert twin["100"] < twin["10"] / 2
    assert free["100"] > free["10"]


def test_published_masks() -> None:
    """The masks of the bias-free network add up to about 1, and to more where noise is clipped;
    nothing is left beside them, and the dimension falls with the noise."""
    rows = list(published("jacobian/jacobian_biasfree_12")["rows"].values())
    assert all(0.9 < row["sum"]["mean"] < 1.2 < row["clipped"]["mean"] for row in rows)
    assert all(row["bias"]["mean"] < 0.01 for row in rows)
    dimensions = [row["dimension"]["mean"] for row in rows]
    assert dimensions == sorted(dimensions, reverse=True)
