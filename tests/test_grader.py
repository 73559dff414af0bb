"""The grader itself, tried on a small submission that is right, and on the same one sabotaged."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]
STANDIN = Path(__file__).with_name("standin")
WEIGHTS = [torch.eye(3).mul(0.5).flatten().tolist(), [0.25, 0.25, 0.25]]  # half way to grey

SABOTAGES = [  # the check that must catch it, the file, what is taken out of it, what is put in
    ("structure of Miniproject_1", "Miniproject_1/__init__.py", None, None),
    (
        "importing of Miniproject_2",
        "Miniproject_2/model.py",
        "WEIGHTS =",
        '__import__("torch").set_grad_enabled(False)\nWEIGHTS =',
    ),
    (
        "allowed_imports of Miniproject_2",
        "Miniproject_2/blocks.py",
        "import empty",
        "import empty, zeros",
    ),
    (
        "predict of Miniproject_1",  # an image that depends on the others of its batch
        "Miniproject_1/model.py",
        "output.clamp",
        "(output / output.max()).clamp",
    ),
    (
        "autograd of Miniproject_1",
        "Miniproject_1/model.py",
        "loss, optimizer =",
        'if not __import__("torch").is_grad_enabled():\n            return\n'
        "        loss, optimizer =",
    ),
    (
        "bad_input of Miniproject_1",  # NaN is accepted
        "Miniproject_1/model.py",
        "not (images.min() >= 0 and images.max() <= 255)",
        "images.min() < 0 or images.max() > 255",
    ),
    (
        "bad_weights of Miniproject_2",
        "Miniproject_2/model.py",
        'json.loads(WEIGHTS.read_text(encoding="utf-8"))',
        'json.loads(WEIGHTS.read_text(encoding="utf-8")) if WEIGHTS.exists() else []',
    ),
    ("plain_import", "Miniproject_2/model.py", "if __package__:", "if True:"),
    (
        "as_handed_out",  # the bias is a little off
        "Miniproject_2/blocks.py",
        "self.bias.view(1, -1, 1).baddbmm(self.matrix, self.columns)",
        "self.bias.view(1, -1, 1).mul(1.0001).baddbmm(self.matrix, self.columns)",
    ),
    ("mse", "Miniproject_2/blocks.py", "/ self.difference.numel()", "/ len(self.difference)"),
    (
        "loading_keeps_pairs",
        "Miniproject_2/model.py",
        "values = json",
        "self.network = Sequential(Conv2d(3, 3, 1))\n        values = json",
    ),
    (
        "Conv2d(3, 4, 3) of (2, 3, 9, 8)",  # gradients are overwritten
        "Miniproject_2/blocks.py",
        "self.weight_grad += weight_grad.sum(0).view(self.weight.shape)",
        "self.weight_grad.copy_(weight_grad.sum(0).view(self.weight.shape))",
    ),
    ("ReLU() of (2, 3, 4, 5)", "Miniproject_2/blocks.py", "x.clamp(", "x.clamp_("),
    ("Sigmoid() of", "Miniproject_2/blocks.py", "x.sigmoid()", "x.requires_grad_().sigmoid()"),
    (
        "SGD(p, 0.1)",  # pairs that were given before are stale
        "Miniproject_2/blocks.py",
        "self.bias_grad += gradient",
        "self.bias_grad = self.bias_grad + gradient",
    ),
    ("pretrained of Miniproject_1", "Miniproject_1/model.py", ".clamp(0, 1) * 255", ".clamp(0, 1)"),
    (
        "pretrained of Miniproject_2",  # the weights are found from one working folder alone
        "Miniproject_2/model.py",
        'Path(__file__).with_name("bestmodel.pth")',
        'Path("Miniproject_2/bestmodel.pth")',
    ),
    ("training of Miniproject_2", "Miniproject_2/model.py", "lr=0.01", "lr=9.0"),
]


def grade(script: Path, project: Path, data: Path, *options: str) -> tuple[int, str]:
    """Run the grader; returns its status and all that it printed."""
    command = [sys.executable, str(script), "-p", str(project), "-d", str(data), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder: images of a single grey each, with a noise as large as their spread."""
    folder = tmp_path_factory.mktemp("data")
    generator = torch.Generator().manual_seed(0)
    clean = 128 + 25 * torch.randn(120, 1, 1, 1, generator=generator)
    clean = clean.clamp(0, 255).expand(120, 3, 8, 8)
    noise = 25 * torch.randn(3, 120, 3, 8, 8, generator=generator)
    first, second, third = (clean + noise).clamp(0, 255).byte()
    torch.save((first, clean.byte()), folder / "val_data.pkl")
    torch.save((second, third), folder / "train_data.pkl")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with the stand-in as both miniprojects."""
    folder = tmp_path / "Proj_111111_222222_333333"
    for number in (1, 2):
        miniproject = folder / f"Miniproject_{number}"
        shutil.copytree(STANDIN, miniproject, ignore=shutil.ignore_patterns("__pycache__"))
        (miniproject / "bestmodel.pth").write_text(json.dumps(WEIGHTS), encoding="utf-8")
    return folder


def test_right(project: Path, data: Path) -> None:
    """A submission that is right passes every check, with its scores in a table and warnings."""
    before = {path: path.read_bytes() for path in project.rglob("*.*")}
    status, output = grade(ROOT / "test.py", project, data, "--train-pairs", "64")
    assert status == 0, output
    assert "FAIL" not in output
    passed = sum(line.startswith("ok    ") for line in output.splitlines())
    assert output.splitlines()[-1] == f"{passed} passed, 0 failed"
    assert "warnings: 2\nMiniproject_1/Report_1.pdf is missing\nMiniproject_2/Report_2" in output
    table = output[output.index("per image  ") :].splitlines()
    assert [line.count(" dB") for line in table[1:4]] == [2, 4, 4]
    assert {path: path.read_bytes() for path in project.rglob("*.*")} == before


@pytest.mark.parametrize(("check", "file", "old", "new"), SABOTAGES, ids=[s[0] for s in SABOTAGES])
def test_sabotaged(
    project: Path, data: Path, check: str, file: str, old: str | None, new: str
) -> None:
    """Each sabotage is caught by the check that is meant for it, and the status says so."""
    path = project / file
    if old is None:
        path.unlink()
    else:
        source = path.read_text(encoding="utf-8")
        assert old in source
        path.write_text(source.replace(old, new), encoding="utf-8")
    status, output = grade(ROOT / "test.py", project, data, "--only", check)
    assert status == 1, output
    assert f"FAIL  {check}" in output
    assert output.splitlines()[-1].endswith(" passed, 1 failed")


def test_named_folder(project: Path, data: Path, tmp_path: Path) -> None:
    """The folder that -p names is tested, not the one beside test.py."""
    broken = tmp_path / "beside"
    shutil.copytree(ROOT / "grader", broken / "grader")
    shutil.copyfile(ROOT / "test.py", broken / "test.py")
    for number in (1, 2):
        miniproject = broken / f"Miniproject_{number}"
        miniproject.mkdir()
        (miniproject / "__init__.py").touch()
        (miniproject / "model.py").write_text("raise RuntimeError('the one beside')")
    status, output = grade(broken / "test.py", project, data, "--only", "import")
    assert status == 0, output


@pytest.mark.parametrize("content", [None, b"not a tensor"], ids=["missing", "foreign"])
def test_bad_data(project: Path, data: Path, tmp_path: Path, content: bytes | None) -> None:
    """Without two readable data files nothing runs, and the message names the file."""
    shutil.copyfile(data / "val_data.pkl", tmp_path / "val_data.pkl")
    if content is not None:
        (tmp_path / "train_data.pkl").write_bytes(content)
    status, output = grade(ROOT / "test.py", project, tmp_path)
    assert status == 1
    assert f"{tmp_path / 'train_data.pkl'}: " in output
    assert "two uint8 tensors" in output
    assert "ok  " not in output


def test_unknown_name(project: Path, data: Path) -> None:
    """An --only that no check has in its name is refused, so that nothing passes by mistake."""
    status, output = grade(ROOT / "test.py", project, data, "--only", "nothing of the kind")
    assert status == 1
    assert "no check has" in output
