"""The advice of the source as the rows of a study: what each row changes, and what it tests.

Under "Designing the best possible denoiser", the library "blind image denoising" (N. Markou) makes
seven claims, some of them in several parts.
"""

from typing import Any, NamedTuple

PLAIN = "plain"  # the row that the others are compared with
# The quantities of a run whose differences from the plain row are judged.
INSIDE = "inside_psnr_per_image_db"  # at the noise levels of the training
BEYOND = "beyond_psnr_per_image_db"  # at stronger noise: generalisation
EARLY = "early_psnr_per_image_db"  # of the validation images after one epoch: speed of learning
WORST = "worst"  # the error in grey levels that one value in a thousand exceeds: artefacts
MEASURES = (INSIDE, BEYOND, EARLY, WORST)


class Claim(NamedTuple):
    """A part of a claim, and the measure that is higher or lower if it is true."""

    number: int  # in the source's list
    text: str
    measure: str
    higher: bool = True


class Advice(NamedTuple):
    """A row: the entries of configs/ablation.json that it changes, and the claims it tests."""

    changes: dict[str, Any]
    claims: tuple[Claim, ...] = ()


HINGE = Claim(1, "a small hinge in the loss works very well", INSIDE)
SCALES = Claim(2, "multi-scale models work better", INSIDE)
ORTHOGONAL = (
    Claim(3, "soft orthogonal regularisation generalises better", BEYOND),
    Claim(3, "it is slower to train", EARLY, higher=False),
)
RECEPTIVE = (
    Claim(4, "regularising the effective receptive field generalises better", BEYOND),
    Claim(4, "it is slower to train", EARLY, higher=False),
)
EXCITE = Claim(5, "squeeze-and-excite gives a small boost", INSIDE)
FINAL_NORM = Claim(6, "avoid batch normalisation at the end", INSIDE, higher=False)
RESIDUAL = (
    Claim(7, "residual learning trains faster", EARLY),
    Claim(7, "it gives better metrics", INSIDE),
    Claim(7, "it may give out artefacts", WORST),
)


def pyramid(kind: str, levels: int, between: bool = False) -> dict[str, Any]:
    """The changes that put the network into a pyramid, whose levels share it."""
    settings = {"kind": kind, "levels": levels, "shared": True, "between": between}
    return {"model": {"pyramid": settings}}


def regulariser(name: str) -> dict[str, Any]:
    """The changes that add one regulariser, with the source's defaults."""
    return {"loss": {"regularisers": [{"name": name}]}}


# Each row changes one thing, so that its difference from the plain row is due to that alone.
ROWS: dict[str, Advice] = {
    PLAIN: Advice({}),
    "hinge 0.5": Advice({"loss": {"hinge": 0.5}}, (HINGE,)),
    "hinge 1": Advice({"loss": {"hinge": 1.0}}, (HINGE,)),
    "hinge 2": Advice({"loss": {"hinge": 2.0}}, (HINGE,)),
    "laplacian, 3 scales": Advice(pyramid("laplacian", 3), (SCALES,)),
    "laplacian, 4 scales": Advice(pyramid("laplacian", 4), (SCALES,)),
    "gaussian, 3 scales": Advice(pyramid("gaussian", 3), (SCALES,)),
    "gaussian, 4 scales": Advice(pyramid("gaussian", 4), (SCALES,)),
    "gaussian, 3 scales, residuals": Advice(pyramid("gaussian", 3, between=True), (SCALES,)),
    "lunet": Advice({"model": {"backbone": "lunet", "blocks": 1}}, (SCALES,)),
    "multi-scale loss": Advice({"loss": {"scales": 3}}),  # an option of the source without a claim
    "soft orthogonal": Advice(regulariser("soft_orthogonal"), ORTHOGONAL),
    "soft orthonormal": Advice(regulariser("soft_orthonormal"), ORTHOGONAL),
    "receptive field": Advice(regulariser("erf"), RECEPTIVE),
    "squeeze-and-excite": Advice({"model": {"block": {"squeeze_excite": True}}}, (EXCITE,)),
    "final norm": Advice({"model": {"final_norm": True}}, (FINAL_NORM,)),
    "residual": Advice({"model": {"residual": True}}, RESIDUAL),
    # The source's range, without a claim
    "about mid-grey": Advice({"model": {"range": [-0.5, 0.5]}}),
}
