"""The command line of every experiment."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Generator, nn

from others.data.course import TRAIN, VALIDATION, save_pair
from others.data.noise import TABLE as NOISES
from others.engine.losses import LOSSES
from others.networks.catalogue import NETS, make_network
from others.networks.pretrained import load_network
from others.networks.ranges import InRange
from others.records.checkpoints import BEST, CONFIG, HISTORY, LAST
from others.records.weights import load_weights, save_weights
from others.train import main
from tests.helpers.images import pixels, write_images

NET = "residual_unet"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of five images."""
    write_images(tmp_path / "photos", [(20, 24)] * 5)
    return tmp_path / "photos"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A folder of the course's two files."""
    (tmp_path / "course").mkdir()
    for name, count in ((TRAIN, 10), (VALIDATION, 4)):
        save_pair(tmp_path / "course" / name, pixels(count, 8, 8), pixels(count, 8, 8, seed=1))
    return tmp_path / "course"


def run(*arguments: str | Path) -> None:
    """The command with these arguments."""
    main([str(argument) for argument in arguments])


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """What the command says before it ends without success."""
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    assert stop.value.code != 0
    return f"{stop.value.code}\n{capsys.readouterr().err}"


def test_dry_run_of_everything(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every network trains with noise, small ones with every noise and loss; nothing is left.

    All networks with all of both take a minute: `python -m others.train --dry-run`.
    """
    monkeypatch.chdir(tmp_path)
    inside = partial(tempfile.TemporaryDirectory, dir=tmp_path)
    monkeypatch.setattr(tempfile, "TemporaryDirectory", inside)
    small = ["tnet", "dncnn"]
    for net in small:
        run("--dry-run", "--net", net)
    run("--dry-run", "--noise", "gaussian", "--loss", "l2")
    lines = capsys.readouterr().out.splitlines()
    expected = [f"{net} {noise} {loss}:" for net in small for noise in NOISES for loss in LOSSES]
    expected += [f"{net} gaussian l2:" for net in NETS]
    assert [line[: line.index(":") + 1] for line in lines] == expected
    assert list(tmp_path.iterdir()) == []


def test_dry_run_of_data(course: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run tries the given network, noise, loss and data only."""
    run(
        "--dry-run",
        "--net",
        NET,
        "--noise",
        "text",
        "--loss",
        "l1",
        "--crop",
        "16",
        "--data",
        photos,
    )
    run("--dry-run", "--net", NET, "--loss", "l2", "--data", course)
    starts = [line.split(": ")[0] for line in capsys.readouterr().out.splitlines()]
    assert starts == [f"{NET} text l1", f"{NET} course l2"]


def test_training_and_resuming(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command trains, says so, and continues where it was; its network can be loaded."""
    output = tmp_path / "output"
    options = ["--net", NET, "--data", course, "--output", output, "--batch-size", "4"]
    options += ["--augment", "exchange", "--ema", "0.9", "--plot"]
    run(*options, "--epochs", "1")
    run(*options, "--epochs", "2")
    run(*options, "--epochs", "2")
    history = json.loads((output / HISTORY).read_text())["epochs"]
    assert [entry["epoch"] for entry in history] == [1, 2]
    config = json.loads((output / CONFIG).read_text())
    assert config["net"]["name"] == NET
    assert config["loss"] == "l2"
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "start from epoch 1",
        "epoch 1",
        str(output),
        "continue from epoch 2",
        "epoch 2",
        str(output),
        "continue from epoch 3",  # there is none, so nothing but the last line follows
        str(output),
    ]
    assert lines[-1].startswith(f"{output}: after epoch 2; {BEST} has the weights of")
    names = {BEST, CONFIG, HISTORY, LAST, "samples.png", "curve.png"}
    assert {path.name for path in output.iterdir()} == names
    for name in (BEST, LAST):
        net = load_network(NET, output / name)
        assert not net.training
        assert net(torch.rand(1, 3, 7, 9)).shape == (1, 3, 7, 9)


def test_the_loss_of_the_noise(photos: Path, tmp_path: Path) -> None:
    """Unless one is given, the loss is the one that Noise2Noise pairs with the noise; a level may
    be two numbers; targets are noisy unless asked for clean."""
    output = tmp_path / "output"
    options = ["--net", NET, "--data", photos, "--output", output, "--crop", "8", "--epochs", "1"]
    run(*options, "--noise", "text", "--noise-level", "0", "0.5", "--targets", "clean")
    config = json.loads((output / CONFIG).read_text())
    assert config["loss"] == "l1"
    assert config["train_set"]["noise"] == {"name": "text", "share": [0, 0.5]}
    assert config["val_set"]["noise"] == config["train_set"]["noise"]
    assert config["train_set"]["noisy_targets"] is False
    assert config["val_set"]["noisy_targets"] is False


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The help shows all networks, noises and losses, and the defaults."""
    with pytest.raises(SystemExit):
        run("--help")
    text = capsys.readouterr().out
    for name in (*NETS, *NOISES, *LOSSES, "(default: 0.001)"):
        assert name in text
    assert "default: None" not in text


@pytest.mark.parametrize(
    ("option", "choices"), [("--net", NETS), ("--noise", NOISES), ("--loss", LOSSES)]
)
def test_unknown_names(
    option: str, choices: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown name is answered with all that there are."""
    said = refusal(capsys, "--dry-run", option, "nothing")
    assert "invalid choice: 'nothing'" in said
    assert all(name in said for name in choices)


def test_refusals(photos: Path, course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is missing, too small, or does not go together is said; nothing is written."""
    output = photos.parent / "output"
    given = ("--net", NET, "--output", output, "--data")
    assert "--net and --data are needed" in refusal(capsys, "--net", NET)
    assert "no such folder" in refusal(capsys, *given, photos / "nowhere")
    assert "no images in it" in refusal(capsys, *given, photos.parent)
    assert "smaller than the crop of 128x128 pixels" in refusal(capsys, *given, photos)
    assert "expected multiples of 8" in refusal(
        capsys, *given, photos, "--noise", "point_sampling", "--crop", "20"
    )
    assert "expected a number from 0 to 255" in refusal(capsys, *given, photos, "--sigma", "300")
    assert "noisy and small already" in refusal(capsys, *given, course, "--noise", "text")
    assert "no clean targets" in refusal(capsys, *given, course, "--targets", "clean")
    assert "for the course's pairs" in refusal(capsys, *given, photos, "--augment", "exchange")
    assert not output.exists()


def test_another_experiment(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder of another experiment is refused, with the difference, and not changed."""
    options = ["--data", course, "--output", tmp_path / "output", "--epochs", "1"]
    run("--net", NET, *options)
    before = {path.name: path.read_bytes() for path in (tmp_path / "output").iterdir()}
    said = refusal(capsys, "--net", "tnet", *options, "--seed", "1")
    assert f"net.name: {NET} -> tnet" in said
    assert "seed: 0 -> 1" in said
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "output").iterdir()}


def test_weights_in_files(tmp_path: Path) -> None:
    """Weights come back as they were written; an unknown name, a missing or damaged file and the
    weights of another network are refused, and the network stays as it is."""
    net = make_network(NET)
    path = tmp_path / "pretrained" / f"{NET}.pth"
    save_weights(net, path)
    for name, value in load_network(NET, path).state_dict().items():
        assert torch.equal(value, net.state_dict()[name])
    with pytest.raises(ValueError, match=f"no model 'nothing'; there is .*{NET}"):
        load_network("nothing", path)
    with pytest.raises(FileNotFoundError, match=r"expected a checkpoint at .*nowhere\.pth"):
        load_network(NET, tmp_path / "nowhere.pth")
    other = nn.Conv2d(3, 3, 1)
    before = other.weight.clone()
    with pytest.raises(ValueError, match=r"weights of another network than Conv2d: \d+ tensors"):
        load_weights(other, path)
    assert torch.equal(other.weight, before)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="is not a checkpoint of tensors"):
        load_network(NET, path)


def test_ranges() -> None:
    """A network for another range is given that range, and its output comes back to [0, 1]."""
    seen = []
    inner = nn.Identity()
    inner.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    net = InRange(inner, -1, 1)
    images = torch.rand(1, 3, 4, 4, generator=Generator().manual_seed(0))
    torch.testing.assert_close(net(images), images)
    torch.testing.assert_close(seen[0], 2 * images - 1)
    with pytest.raises(ValueError, match=r"the range is \[1, 0\]; expected low < high"):
        InRange(inner, 1, 0)
