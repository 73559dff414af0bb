"""Tiles without seams, borders without traces, memory that is bounded."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from others.files.kinds import Picture
from others.files.tiling import DEFAULT, count_tiles, denoised, extended, tiles
from others.networks.catalogue import NETS, make_network
from others.networks.pretrained import Denoiser, load_denoiser, model_names
from others.networks.receptive_field import Field, field_of
from tests.helpers.files import picture, values

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", NETS)
def test_tiles_show_no_seam(name: str) -> None:
    """Joined tiles are what one tile gives, far below a grey level, for every network."""
    torch.manual_seed(0)
    net = make_network(name).eval()
    field = field_of(net)
    assert field.reach is not None
    width = 2 * field.reach + 3 * field.step + 21
    x = values(3, 19, width).float() / 255
    answers = []
    with torch.no_grad():
        for tile in (width, 2 * field.step + 15):
            joined = torch.empty_like(x)
            for part in tiles(19, width, field, tile):
                y = net(part.of(x)[None])[0]
                joined[:, part.kept[0], part.kept[1]] = y[:, part.inner[0], part.inner[1]]
            answers.append(joined)
    whole, joined = answers
    assert float(whole.std()) > 1e-3
    assert 255 * float((whole - joined).abs().max()) < 0.01


SMALL = [(name, size) for name in ("miniproject_1", DEFAULT) for size in ((9, 33), (64, 3))]


@pytest.mark.parametrize(("name", "size"), [*((name, (70, 83)) for name in model_names()), *SMALL])
def test_tiles_of_trained_models(name: str, size: tuple[int, int]) -> None:
    """Tiled and whole give the same grey levels for every model, self-ensemble included, in large
    images and small ones."""
    denoiser = load_denoiser(name, ensemble=name == "miniproject_1" and size[0] < 70)
    image = picture("RGB", *size)
    whole, joined = denoised(denoiser, image), denoised(denoiser, image, tile=64)
    assert torch.equal(whole.colour, joined.colour)


@pytest.mark.parametrize("name", [name for name in model_names() if name != "unet"])  # 20 s
def test_a_border_is_no_edge(name: str) -> None:
    """The answer for an image is the middle of the answer for the image with its reflection around
    it: nothing that a network reaches is a zero that was added at the border."""
    denoiser = load_denoiser(name)
    step, reach = denoiser.seen.step, denoiser.seen.reach
    assert reach is not None
    more = reach + -reach % step
    side = more + step
    image = picture("RGB", side, side)
    mirror = extended(-more, side + more, side, reflect=True)
    large = image._replace(colour=image.colour[:, mirror][:, :, mirror])
    inner = slice(more, more + side)
    expected = denoised(denoiser, large).colour[:, inner, inner]
    assert int((denoised(denoiser, image).colour - expected).abs().max()) <= 1


@pytest.mark.parametrize("level", [0, 1, 20, 200, 255])
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (2, 100), (3, 40), (17, 5), (64, 64)])
def test_a_flat_image_stays_flat(size: tuple[int, int], level: int) -> None:
    """Of any size and any grey level: the default model changes no pixel by more than a level."""
    denoiser = load_denoiser(DEFAULT)
    flat = torch.full((3, *size), level, dtype=torch.int32)
    result = denoised(denoiser, Picture(flat, None, 255)).colour
    assert int((result - level).abs().max()) <= 1


@pytest.mark.parametrize("name", model_names())
def test_flat_images_show_no_border(name: str) -> None:
    """For every model, a flat image of any size gets the answer that is given far from all borders.

    It is the image itself within a level, but for three models that change flat images everywhere:
    two of the DnCNN assignment, which know noise of one strength alone, by up to 2 and 4 levels,
    and Miniproject 2, which makes the whole image anew behind a sigmoid, by up to 2."""
    denoiser = load_denoiser(name)
    own = {"dudncnn": 2, "udncnn": 4, "miniproject_2": 2}.get(name, 1)
    for level in (20, 200):
        flat = torch.full((3, 96, 128), level, dtype=torch.uint8)
        far = denoised(denoiser, Picture(flat, None, 255)).colour.int()[:, 32:, 32:]
        for height, width in ((1, 1), (2, 1), (7, 3), (2, 90), (64, 64)):
            part = Picture(flat[:, :height, :width], None, 255)
            result = denoised(denoiser, part).colour.int()
            assert int((result - far[:, :height, :width]).abs().max()) <= 1
            assert int((result - level).abs().max()) <= own


def test_tiles_cover_everything_once() -> None:
    """Every pixel is kept once, from a seen part that goes on for the network's reach on all sides,
    begins at a multiple of the step and is one in size."""
    count = torch.zeros(50, 67)
    rows, columns = torch.meshgrid(torch.arange(50), torch.arange(67), indexing="ij")
    for part in tiles(50, 67, Field(5, 4), 10):
        count[part.kept] += 1
        seen = part.of(torch.stack([rows, columns]))
        assert torch.equal(
            seen[:, part.inner[0], part.inner[1]],
            torch.stack([rows, columns])[:, part.kept[0], part.kept[1]],
        )
        for inner, kept, size in zip(part.inner, part.kept, seen.shape[1:]):
            assert (kept.start - inner.start) % 4 == 0
            assert size % 4 == 0
            assert inner.start >= 5
            assert size - inner.stop >= 5
    assert bool((count == 1).all())
    assert count_tiles(50, 67, Field(5, 4), 10) == len(list(tiles(50, 67, Field(5, 4), 10)))


def test_reflection_by_hand() -> None:
    """Four pixels, three more on each side: reflected without the border itself, or repeated."""
    assert extended(-3, 7, 4, True).tolist() == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]
    assert extended(-3, 7, 4, False).tolist() == [0, 0, 0, 0, 1, 2, 3, 3, 3, 3]


def test_memory_is_bounded() -> None:
    """Of an image of 6 million pixels a network never sees more than a tile and its margin."""
    sizes = []

    def apply(x: Tensor) -> Tensor:
        sizes.append(max(x.shape))
        return x

    colour = torch.randint(256, (3, 2000, 3000), dtype=torch.int32)
    result = denoised(Denoiser(apply, Field(40, 4), CPU), Picture(colour, None, 255))
    assert torch.equal(result.colour, colour)
    assert max(sizes) == 448 + 80
    assert len(sizes) == 5 * 7


def test_a_network_that_sees_everything_has_one_tile() -> None:
    """Such a network refuses an image larger than a tile, and names the --tile that would do."""
    assert len(list(tiles(30, 40, Field(None, 1), 40))) == 1
    with pytest.raises(ValueError, match=r"whole image of 30x41 pixels at once; .* --tile 41 "):
        list(tiles(30, 41, Field(None, 1), 40))
    with pytest.raises(ValueError, match="expected at least 1"):
        list(tiles(3, 3, Field(1, 1), 0))


def test_answers_beyond_white_are_clipped() -> None:
    """A network may answer below 0 and above 1, as it may be given noisier images than that."""
    far = Denoiser(lambda x: 3 * x - 1, Field(1, 1), CPU)
    result = denoised(far, Picture(torch.tensor([[[0, 85, 128, 255]]]).int(), None, 255)).colour
    assert result.flatten().tolist() == [0, 0, 129, 255]


def test_progress_is_told_and_can_end_the_work() -> None:
    """After each tile its share is told; what the listener raises ends the work."""
    same, shares = Denoiser(lambda x: x, Field(1, 1), CPU), []
    picture = Picture(torch.zeros(3, 10, 20, dtype=torch.int32), None, 255)
    denoised(same, picture, tile=10, done=shares.append)
    assert shares == [0.5, 1.0]

    def stop(share: float) -> None:
        shares.append(share)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        denoised(same, picture, tile=10, done=stop)
    assert shares == [0.5, 1.0, 0.5]
