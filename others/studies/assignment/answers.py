"""The assignment's questions, answered on a page of Markdown whose numbers come from the code.

`page` joins a section for each question. Those that need a training take the results that
`python -m others.studies.assignment.study` wrote.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from statistics import median
from typing import Any, Callable, NamedTuple

import torch
from torch import Tensor, nn

from others.networks.dncnn import DnCNN, DUDnCNN, UDnCNN
from others.networks.receptive_field import (
    computed_sizes,
    measured_sizes,
    multiply_adds,
    parameters_of,
)
from others.records.formats import in_words, spread
from others.records.table import Column, Table, markdown
from others.studies.assignment.bonus import bonus_section
from others.studies.assignment.initialisation import Response
from others.studies.assignment.scores import (
    TITLES,
    ahead,
    early_section,
    psnr_over_draws,
    score_table,
)

NEEDED = 33  # pixels along an axis that a noise of 30 is said to need (question 14)
DEPTH = 6  # D of the networks
SIDE = 64  # pixels along a side of the images on which products are counted and timed
DILATIONS, ROUNDS = (2, 4), 15  # whose time is taken, and how often
NETWORKS: dict[str, type[DnCNN]] = {"dncnn": DnCNN, "udncnn": UDnCNN, "dudncnn": DUDnCNN}


class Findings(NamedTuple):
    """What the page is about."""

    results: dict[str, Any]  # of the study
    plain: dict[int, Response]  # untrained networks of each depth, as torch initialises them
    initialised: dict[int, Response]  # as the assignment does
    kept: dict[str, float]  # by each trained network: share of the clean images' squared gradient
    followed: dict[str, float]  # and the correlation of its gradients with theirs


@lru_cache(maxsize=None)
def fields(name: str) -> tuple[list[int], list[int]]:
    """The sizes of the receptive field along an axis: computed, measured.

    They are those of a network with few channels, which has the same ones.
    """
    net = NETWORKS[name](DEPTH, 16)
    computed = computed_sizes(net)
    repeats = 2 ** (DEPTH // 2 - 1) if name == "udncnn" else 1
    return computed, measured_sizes(net, computed[-1], repeats)


def either(sizes: Sequence[int]) -> str:
    """17 -> "17×17"."""
    return " or ".join(f"{size}×{size}" for size in sizes)


def field_sentence(name: str) -> str:
    """Both ways to find the receptive field, in words."""
    computed, measured = fields(name)
    return (
        f"For D = {DEPTH} it is {either(computed)} pixels, computed layer by layer; the gradients "
        f"of an output pixel are not zero on {either(measured)}."
    )


def count_formula() -> str:
    """The parameters of DnCNN(D), from those of D = 0, 1 and 6."""
    none, one, six = (parameters_of(DnCNN(depth)) for depth in (0, 1, 6))
    total = f"{none.total:,} + {one.total - none.total:,} D"
    weights = f"{none.weights:,} + {one.weights - none.weights:,} D"
    return (
        f"{total}, of which {weights} are weights of convolutions; D = 6: {six.total:,} "
        f"({six.weights:,} weights, {six.biases:,} biases, {six.norms:,} in the normalisations)"
    )


def depth_needed() -> int:
    """The least D with which DnCNN(D) sees NEEDED pixels along an axis."""
    depth = 0
    while computed_sizes(DnCNN(depth, 1))[0] < NEEDED:
        depth += 1
    return depth


def slowdowns() -> tuple[float, list[float]]:
    """Seconds of a convolution, forward and backward, and the ratios of those with DILATIONS.

    In every round each dilation has its turn, so that what slows the machine down for a while slows
    all of them; a ratio is the median of the rounds' own ratios.
    """
    image = torch.rand(4, 64, SIDE, SIDE)
    convs = [nn.Conv2d(64, 64, 3, padding=step, dilation=step) for step in (1, *DILATIONS)]
    taken: list[list[float]] = []  # of each round, one for each convolution
    for _ in range(ROUNDS + 1):
        taken.append([])
        for conv in convs:
            start = time.perf_counter()
            conv(image).sum().backward()
            taken[-1].append(time.perf_counter() - start)
    del taken[0]  # the first call of each convolution also sets it up
    ratios = [median(row[k] / row[0] for row in taken) for k in range(1, len(convs))]
    return median(row[0] for row in taken), ratios


def gradients(image: Tensor) -> Tensor:
    """The differences of neighbouring pixels of (3, H, W), across and down, in one vector."""
    return torch.cat([image.diff(dim=-1).flatten(), image.diff(dim=-2).flatten()])


def kept_gradient(denoised: Tensor, clean: Tensor) -> float:
    """Squared differences of neighbouring pixels in an answer, over those of the clean image."""
    return float(gradients(denoised).square().sum() / gradients(clean).square().sum())


def followed_gradient(denoised: Tensor, clean: Tensor) -> float:
    """The correlation of an answer's differences of neighbours with those of the clean image.

    Both lost detail and remaining noise lower it, while remaining noise raises `kept_gradient`.
    """
    return float(torch.corrcoef(torch.stack([gradients(denoised), gradients(clean)]))[0, 1])


def scored(results: dict[str, Any], name: str) -> str:
    """The PSNR of a row, with its standard deviation over draws of crops and noise."""
    row = results["rows"][name]
    return f"{TITLES[row['changes']['net']]} {spread(psnr_over_draws(row))} dB"


def response_table(answers: dict[int, Response]) -> str:
    """What untrained networks of each depth add to the image, and the gradient that comes back."""
    columns = [Column(""), *(Column(f"D = {depth}", "{:.1e}".format) for depth in answers)]
    rows = [
        ["std of y − x", *(answer.added for answer in answers.values())],
        ["gradient at conv[0]", *(answer.gradient for answer in answers.values())],
    ]
    return markdown(Table(columns, rows))


def question_6(found: Findings) -> str:
    """Untrained networks as torch initialises them."""
    return f"""![x, y and x − y](question_6.png)

{response_table(found.plain)}

y is all but x, the more so the deeper the network: what it adds fades from layer to layer. So does
what comes back: the gradient of the loss at the first convolution, in the table, vanishes,
and the first layers of a deep network would hardly learn."""


def question_8(found: Findings) -> str:
    """Untrained networks with the assignment's initialisation."""
    return f"""![x, y and x − y](question_8.png)

{response_table(found.initialised)}

Whatever the depth, what is added keeps its size, and so does the gradient: all layers learn from
the start. He's weights hand on the mean square of the features. `BatchNorm2d(C, C)` passes
eps = C, far above their variance, so it divides by √C, which its gain of 1.25 √C undoes; 1.25 makes
up for the mean that it subtracts, a share 1/π of the mean square behind a ReLU
(1/√(1 − 1/π) = 1.21)."""


def question_12(found: Findings) -> str:
    """What the eye sees of DnCNN."""
    kept = found.kept["dncnn"]
    seen = (
        "Noise is still to be seen."
        if kept > 1
        else "The noise is gone from flat regions and edges are sharp, but fine texture is lost "
        "and, where there was little but noise, faint smooth blotches of colour remain."
    )
    return f"""![noisy, denoised, clean](question_12.png)

{seen} The squared differences between neighbouring pixels are {kept:.0%} of those of the clean
images.

`make demo` shows any image beside what the networks of this assignment make of it; zoom and pan
move all pictures together: `/denoise?image=mosaic&noise=gaussian&level=30&models=dncnn,udncnn`."""


def question_13(found: Findings) -> str:
    """Parameters and receptive field of DnCNN."""
    return f"""DnCNN(D) has {count_formula()}.

Each 3×3 convolution adds one pixel on either side: D + 2 of them see (2 D + 5)².
{field_sentence("dncnn")}"""


def question_14(found: Findings) -> str:
    """How deep DnCNN must be for 33 pixels."""
    depth = depth_needed()
    deep, shallow = DnCNN(depth), DnCNN(6)
    counts = [parameters_of(net).total for net in (deep, shallow)]
    products = [multiply_adds(net, SIDE, SIDE) / SIDE**2 for net in (deep, shallow)]
    return f"""2 D + 5 ≥ {NEEDED} needs D = {depth}. It has {counts[0]:,} parameters,
{counts[0] / counts[1]:.2f} times those of D = 6, and {products[0]:,.0f} products for each pixel,
{products[0] / products[1]:.2f} times as many; the time and the memory of a training grow alike."""


def question_17(found: Findings) -> str:
    """Parameters and receptive field of UDnCNN."""
    counts = [parameters_of(net(6)).total for net in (UDnCNN, DnCNN)]
    share = multiply_adds(UDnCNN(6), SIDE, SIDE) / multiply_adds(DnCNN(6), SIDE, SIDE)
    return f"""As many parameters as DnCNN: {counts[0]:,} and {counts[1]:,} for D = 6; pooling has
none. {field_sentence("udncnn")} Which one depends on where the pixel lies in its windows:
K = D/2 − 1 poolings make a pattern of 2^K pixels.

It sees more than {NEEDED} pixels with {share:.0%} of DnCNN's products, so it is faster, and one
could expect it to be better. But max pooling keeps one value of four and unpooling fills up with
zeros: exact places are lost, which a classifier does not need and a denoiser does."""


def question_18(found: Findings) -> str:
    """DnCNN against UDnCNN on the test images."""
    results, kept, followed = found.results, found.kept, found.followed
    if followed["dncnn"] > followed["udncnn"]:
        verdict = "so the wider view does not make up for the places that pooling loses"
    else:
        verdict = "so pooling does not lose the edges here"
    return f"""{scored(results, "dncnn")}, {scored(results, "udncnn")}:
{ahead(results, "dncnn", "udncnn")}. The wider view of UDnCNN is to be weighed against the detail
that pooling loses. The differences between neighbouring pixels in its answers correlate by
{followed["udncnn"]:.2f} with those of the clean images, and by {followed["dncnn"]:.2f} in the
answers of DnCNN: {verdict}. The size of these differences does not show it, because noise
that is left adds to them: their squares are {kept["udncnn"]:.0%} of the clean images' with UDnCNN
and {kept["dncnn"]:.0%} with DnCNN."""


def question_20(found: Findings) -> str:
    """The speed of dilated convolutions."""
    seconds, (two, four) = slowdowns()
    return f"""`DUDnCNN.forward` sets `torch.backends.cudnn.benchmark` and puts it back as it was,
so that cuDNN measures its algorithms on a GPU. On the CPU this page was made on, a convolution of
64 channels, forward and backward, takes {1000 * seconds:.1f} ms without holes, {two:.2f} times
that with dilation 2 and {four:.2f} times with dilation 4 (measured in turns; medians)."""


def trainings(results: dict[str, Any]) -> str:
    """How often each network was trained: once, or with how many seeds."""
    count = min(len(results["rows"][name]["seeds"]) for name in TITLES)
    return "once" if count == 1 else f"with {in_words(count)} seeds"


def question_22(found: Findings) -> str:
    """All networks on the test images."""
    results, setting = found.results, found.results["setting"]
    return f"""![noisy, denoised by each network, clean](question_22.png)

{markdown(score_table(results))}

Mean and standard deviation over draws of crops and noise ({setting["draws"]} of them, crops of
{setting["test_crop"]} pixels a side); {ahead(results, "dudncnn", "dncnn")}. Rows with noisy targets
are trained without a clean image: towards a second noisy copy of each crop (Noise2Noise). Each
network was trained {trainings(results)}; the deviation does not say what another training would
change."""


def question_23(found: Findings) -> str:
    """Parameters and receptive field of DUDnCNN, and the conclusion."""
    results, count = found.results, parameters_of(DUDnCNN(6)).total
    return f"""As many parameters as the others, {count:,} for D = 6, and as many products as DnCNN.
Its dilations go up to 2^(D/2 − 1) and down again, and (5 · 2^(D/2) − 1)² pixels are seen.
{field_sentence("dudncnn")}

{ahead(results, "dudncnn", "udncnn")}; {ahead(results, "dudncnn", "dncnn")}. Dilated
filters see about as far as pooling lets them and give up no place: with the same parameters, a wide
view is worth having where it does not cost resolution. It costs time: UDnCNN is the fastest of the
three.

{early_section()}"""


def at(name: str) -> Callable[[Findings], str]:
    """An answer that is a piece of code."""
    return lambda found: f"`{name}`"


def figure(number: int, text: str) -> Callable[[Findings], str]:
    """An answer that is a picture."""
    return lambda found: f"![{text}](question_{number}.png)"


ANSWERS: dict[int, tuple[str, Callable[[Findings], str]]] = {  # each with its subject
    1: ("the folder of images", lambda found: "The folder of images: `--data`."),
    2: ("a data set of noisy crops", at("others.studies.assignment.dataset.NoisyBSDSDataset")),
    3: ("training and test set, and a sample", figure(3, "clean and noisy")),
    4: ("a regressor with the squared error", at("others.networks.regressor.NNRegressor")),
    5: ("DnCNN", at("others.networks.dncnn.DnCNN")),
    6: ("untrained DnCNNs of several depths", question_6),
    7: ("He's initialisation", at("others.networks.dncnn.DnCNN.initialise")),
    8: ("the same networks, initialised", question_8),
    9: ("PSNR as a statistic", at("others.engine.stats_manager.DenoisingStatsManager")),
    10: (
        "the experiment with DnCNN",
        at("others.studies.assignment.trainings.AssignmentStudy.experiment"),
    ),
    11: ("its training", figure(11, "noisy, denoised, loss and PSNR of the training")),
    12: ("what DnCNN does to images", question_12),
    13: ("parameters and receptive field of DnCNN", question_13),
    14: ("the depth that 33 pixels need", question_14),
    15: ("UDnCNN, with pooling", at("others.networks.dncnn.UDnCNN")),
    16: ("its training", at("python -m others.studies.assignment.study --only udncnn")),
    17: ("parameters and receptive field of UDnCNN", question_17),
    18: ("DnCNN against UDnCNN", question_18),
    19: ("DUDnCNN, with dilated convolutions", at("others.networks.dncnn.DUDnCNN")),
    20: ("the speed of dilated convolutions", question_20),
    21: ("the training of DUDnCNN", at("python -m others.studies.assignment.study --only dudncnn")),
    22: ("all three on the test images", question_22),
    23: ("parameters and receptive field of DUDnCNN, and the conclusion", question_23),
}


def page(found: Findings, source: str) -> str:
    """The whole page; `source` says which images, which weights."""
    sections = [
        "# Image denoising with deep CNNs\n\nAnswers to the questions of the assignment by C. "
        f"Deledalle and A. Paul (ECE 285, UCSD, 2019). {source}"
    ]
    for number, (subject, answer) in ANSWERS.items():
        sections.append(f"## Question {number}: {subject}\n\n{answer(found)}")
    sections.append(f"## Bonus: depth, rate, batch, noise\n\n{bonus_section()}")
    return "\n\n".join(sections) + "\n"
