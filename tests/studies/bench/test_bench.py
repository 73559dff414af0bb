"""The benchmarks compare equal things, and would see a wrong gradient."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from others.files.image_file import picture_of
from others.networks.catalogue import make_network
from others.studies.bench import (
    channels_last,
    exactness,
    framework,
    image_files,
    products,
    straightforward,
    timing,
)


def test_exactness_of_a_few_layers() -> None:
    """Ours agree with torch to rounding, and a wrong gradient would be seen."""
    for kind in exactness.LAYERS:
        found = exactness.worst(kind, 5)
        assert max(found["float64"]["ours"].values()) < 1e-14
        assert max(found["float32"]["ours"].values()) < 1e-5
    exact = torch.ones(3).double()
    assert exactness.error(exact * 1.5, exact) == pytest.approx(0.5)


def test_both_ways_compute_the_same_shapes() -> None:
    """The straightforward way runs for each case, and the counts are those of the docstring."""
    for make, case in (
        (straightforward.convolution_steps, straightforward.CONVOLUTION),
        (straightforward.nearest_steps, straightforward.NEAREST),
    ):
        small = case._replace(inputs=2, outputs=2)
        for step in make(small):
            step()
    counts = straightforward.counts()["Upsampling, k3"]
    assert counts["products_of_the_enlarged"] / counts["products"] == 36 / 16


@pytest.mark.parametrize("name", products.layers())
def test_a_product_has_as_many_multiplications_as_its_convolution(name: str) -> None:
    """Torch's own counter, which counts additions too, finds what the benchmark divides by."""
    for step in products.steps_of(products.layers()[name], torch.float32):
        with FlopCounterMode(display=False) as counter:
            step()
        assert counter.get_total_flops() == 2 * products.MULTIPLY_ADDS


def test_the_benchmark_compares_equal_things() -> None:
    """Ours and torch's network have the same parameters, and a comparison gives its ratio."""
    for kind in ("nearest", "transposed", "new model"):
        ours = sum(value.numel() for value, _ in framework.our_network(kind).param())
        theirs = framework.torch_twin(framework.our_network(kind)).parameters()
        assert ours == sum(value.numel() for value in theirs)
    row = timing.compare(*framework.network_steps("nearest", 2, "cpu"), 3, "cpu")
    assert 0 < row["low"] <= row["ratio"] <= row["high"]


def test_channels_last() -> None:
    """A network answers alike in both memory formats, and has a ratio."""
    net = make_network("biasfree_6").to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    row = channels_last.row("biasfree_6", net, 24, 3)
    assert row["difference"] < 1e-5
    assert 0 < row["low"] <= row["ratio"] <= row["high"]


@pytest.mark.parametrize("name", image_files.CASES)
def test_image_files(name: str) -> None:
    """Each row reads and writes its file, and has ratios."""
    row = image_files.row(name, image_files.CASES[name], (9, 12), 1)
    assert row["name"] == name
    assert min(row["read"], row["write"]) > 0


@pytest.mark.parametrize("name", ["TIFF, 16 bits", "TIFF, 8 bits", "PPM, 16 bits", "JPEG"])
def test_reading_takes_what_the_library_takes(name: str) -> None:
    """An image of 3000x2000 pixels, checked and with all that lies beside the pixels, is read in
    less than twice the processor time of the library that decodes it."""
    case, (height, width) = image_files.CASES[name], image_files.SIZE
    array = np.zeros((height, width, 3), np.uint16 if case.mode.endswith("16") else np.uint8)
    data = case.write(array)
    ours, bare = image_files.fastest([lambda: picture_of(data, name), lambda: case.read(data)], 7)
    assert ours < 2 * bare


def test_listing() -> None:
    """The row of a folder with many names has a ratio too."""
    row = image_files.listing(50, 1)
    assert row["read"] > 0


def test_a_gpu_has_files_of_its_own(usage_error: Callable[..., str]) -> None:
    """The results of a GPU, rounded or exact, replace none of a CPU, which knows no other way."""
    kinds: list[tuple[Any, ...]] = [("cpu",), ("cuda",), ("cuda", True), ("cpu", False, True)]
    names = [framework.file_of(*kind).name for kind in kinds]
    on_gpu = ["framework_gpu.json", "framework_gpu_exact.json"]
    assert names == ["framework.json", *on_gpu, "framework_avx2.json"]
    assert "--exact is for a GPU" in usage_error(framework.main, "--device", "cpu", "--exact")
    assert "--avx2 is for a CPU" in usage_error(framework.main, "--device", "cuda", "--avx2")


def test_instructions_are_left_out_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes that this one starts inherit what convolutions are to do without."""
    monkeypatch.setenv(timing.VARIABLE, "ALL")
    timing.leave_out_avx512()
    assert timing.apart(os.getenv, timing.VARIABLE) == "AVX2"
