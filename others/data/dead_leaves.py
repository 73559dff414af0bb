"""Photograph-like images made from a seed, where neither the course's files nor photos are there.

A scene is a dead-leaves image (Lee, Mumford & Huang, "Occlusion models for natural images", 2001):
opaque shapes whose sizes follow a power law lie on top of each other, textured and shaded, at 8
times the resolution of the images. A noisy image is a point sample of it: each pixel is one pixel
of the scene, picked at random in the pixel's own 8x8 cell, the same one for red, green and blue.
The clean image is the mean over each cell. The constants of the distributions below were set so
that noise, colours and spectrum come out as they do for photographs sampled in the same way.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Generator, Tensor

SIZE = 32  # pixels along a side of an image
CELL = 8  # scene pixels along a side of one of its pixels
SIDE = SIZE * CELL
LEAVES = 160  # in a scene, many of them too small to be seen
MATERIALS = 6  # colours and textures in a scene, which its leaves share
TILE = 512  # side of the periodic noise from which textures are cut
BATCH = 50  # scenes drawn at once; another number gives other images for the same seed
BLOCK = 2  # cells along a side of a square that is rendered with the leaves near it only
POINTS = 2**12  # rendered at once: fits the processor's cache

# Axes along which the colours of photographs vary independently (Ruderman, Cronin & Chiao, 1998).
BRIGHTNESS, BLUE_TO_YELLOW, GREEN_TO_MAGENTA = (1, 1, 1), (1, 0, -1), (0.5, -1, 0.5)


class Shapes(NamedTuple):
    """Where the leaves are, the hindmost first; each field (N, LEAVES), lengths in scene pixels.

    A leaf is an ellipse, a rectangle or something between, turned by an angle, and about half
    of them are cut along a straight line.
    """

    x: Tensor
    y: Tensor
    angle: Tensor
    half_width: Tensor
    half_height: Tensor
    roundness: Tensor  # 1 for an ellipse, 1/2 for a rectangle: 1 / (u² + v²) at its corners
    cut_u: Tensor  # cut_u u + cut_v v < 1 remains, where u and v run over -1..1 inside the leaf
    cut_v: Tensor

    def frame(self) -> tuple[Tensor, ...]:
        """Coefficients that give a leaf's own coordinates: u = a x + b y + c, v = d x + e y + f."""
        a, b = self.angle.cos() / self.half_width, self.angle.sin() / self.half_width
        d, e = -self.angle.sin() / self.half_height, self.angle.cos() / self.half_height
        return a, b, -(a * self.x + b * self.y), d, e, -(d * self.x + e * self.y)


class Surfaces(NamedTuple):
    """What the leaves look like; each field (N, LEAVES)."""

    red: Tensor
    green: Tensor
    blue: Tensor
    shade_u: Tensor  # relative change of brightness from the middle of the leaf to its rim
    shade_v: Tensor
    wave_u: Tensor  # radians from the middle to the rim
    wave_v: Tensor
    wave_phase: Tensor
    wave_contrast: Tensor
    grain_u: Tensor  # steps in the noise tile from the middle to the rim
    grain_v: Tensor
    grain_start: Tensor
    grain_contrast: Tensor


class Scenes(NamedTuple):
    """N scenes, ready to be rendered."""

    shapes: Shapes
    surfaces: Surfaces
    tile: Tensor  # (TILE, TILE), mean 0 and standard deviation 1


def uniform(shape: tuple[int, ...], low: float, high: float, generator: Generator) -> Tensor:
    """Uniform in [low, high)."""
    return low + (high - low) * torch.rand(shape, generator=generator)


def log_uniform(shape: tuple[int, ...], low: float, high: float, generator: Generator) -> Tensor:
    """Between low and high, each octave as likely as the others."""
    return uniform(shape, math.log(low), math.log(high), generator).exp()


def normal(shape: tuple[int, ...], mean: float, std: float, generator: Generator) -> Tensor:
    """Normally distributed."""
    return mean + std * torch.randn(shape, generator=generator)


def log_normal(shape: tuple[int, ...], median: float, std: float, generator: Generator) -> Tensor:
    """Positive, with a logarithm of standard deviation `std`."""
    return median * normal(shape, 0, std, generator).exp()


def draw_radii(count: int, generator: Generator) -> Tensor:
    """Radii (count, LEAVES) with density r^-3, which makes a spectrum like that of photographs.

    The first leaf is the background, the next two are large; calm scenes have few others.
    """
    leaves, scene = (count, LEAVES), (count, 1)
    least = log_uniform(scene, 3, 18, generator)
    most = uniform(scene, 60, 160, generator)
    fraction = torch.rand(leaves, generator=generator)
    radius = (least**-2 - fraction * (least**-2 - most**-2)) ** -0.5
    radius[:, 1:3] = uniform((count, 2), 60, 180, generator)
    visible = log_uniform(scene, 12, LEAVES, generator)
    radius[torch.arange(LEAVES) >= visible] = 1e-3
    radius[:, 0] = 2 * SIDE
    return radius


def draw_shapes(material: Tensor, generator: Generator) -> Shapes:
    """Leaves of one material gather around a place of their own."""
    count = len(material)
    leaves, materials = (count, LEAVES), (count, MATERIALS)
    radius = draw_radii(count, generator)
    stretch = log_normal(leaves, 1, 0.5, generator)
    spread = log_uniform(materials, 15, 120, generator).gather(1, material)
    x, y = (
        uniform(materials, 0, SIDE, generator).gather(1, material)
        + spread * normal(leaves, 0, 1, generator)
        for _ in "xy"
    )
    angle = uniform(leaves, 0, math.pi, generator)
    upright = torch.rand(leaves, generator=generator) < 0.5
    angle = torch.where(upright, 0.05 * (angle - math.pi / 2), angle)
    roundness = torch.tensor([1, 1, 0.75, 0.5])[torch.randint(4, leaves, generator=generator)]
    cut = 1 / uniform(leaves, 0.3, 3, generator).clamp_min(0.7)
    cut = torch.where(torch.rand(leaves, generator=generator) < 0.5, cut, torch.zeros(()))
    direction = uniform(leaves, 0, 2 * math.pi, generator)
    x[:, 0], y[:, 0], stretch[:, 0], roundness[:, 0], cut[:, 0] = SIDE / 2, SIDE / 2, 1, 0.5, 0
    x[:, 1:3], y[:, 1:3] = uniform((2, count, 2), 0, SIDE, generator)
    cut_u, cut_v = cut * direction.cos(), cut * direction.sin()
    return Shapes(x, y, angle, radius * stretch, radius / stretch, roundness, cut_u, cut_v)


def draw_colours(material: Tensor, generator: Generator) -> list[Tensor]:
    """Red, green and blue of the leaves: a common cast, a colour for each material, a variation."""
    count = len(material)
    leaves, materials, scene = (count, LEAVES), (count, MATERIALS), (count, 1)
    contrast = log_normal(scene, 1, 0.25, generator)
    light = normal(scene, 0.47, 0.1, generator)
    light = light + 0.28 * contrast * normal(materials, 0, 1, generator)
    light = light.gather(1, material) + 0.07 * contrast * normal(leaves, 0, 1, generator)
    light = light.clamp(0.02, 1.1)
    vivid = log_normal(scene, 0.8, 0.6, generator) * (1.6 * light).clamp(0.1, 1)
    yellow = normal(scene, 0.06, 0.05, generator) + normal(materials, 0, 0.09, generator)
    magenta = normal(scene, -0.01, 0.03, generator) + normal(materials, 0, 0.05, generator)
    yellow = (yellow.gather(1, material) + normal(leaves, 0, 0.02, generator)) * vivid
    magenta = (magenta.gather(1, material) + normal(leaves, 0, 0.01, generator)) * vivid
    magenta = magenta + 0.15 * yellow
    axes = zip(BRIGHTNESS, BLUE_TO_YELLOW, GREEN_TO_MAGENTA)
    return [light * a + yellow * b + magenta * c for a, b, c in axes]


def draw_surfaces(material: Tensor, shapes: Shapes, generator: Generator) -> Surfaces:
    """A material has a colour, a grain and perhaps stripes; each leaf has a shading of its own."""
    count = len(material)
    leaves, materials, scene = (count, LEAVES), (count, MATERIALS), (count, 1)
    colours = draw_colours(material, generator)
    shades = normal((2, *leaves), 0, 0.15, generator)
    shades[:, :, 0] *= 3  # only the middle of the background is seen
    rough = log_normal(scene, 1, 0.4, generator)
    frequency = log_uniform(materials, 0.05, 1.5, generator).gather(1, material)
    direction = uniform(leaves, 0, 2 * math.pi, generator)
    phase = uniform(leaves, 0, 2 * math.pi, generator)
    striped = torch.rand(materials, generator=generator) < 0.3
    stripes = (striped * rough * normal(materials, 0, 0.12, generator)).gather(1, material)
    scale = log_uniform(materials, 0.5, 2, generator)
    stretch = log_normal(materials, 1, 0.5, generator)
    grain = (rough * log_normal(materials, 0.132, 0.5, generator)).gather(1, material)
    return Surfaces(
        *colours,
        *shades,
        wave_u=frequency * direction.cos() * shapes.half_width,
        wave_v=frequency * direction.sin() * shapes.half_height,
        wave_phase=phase,
        wave_contrast=stripes,
        grain_u=(scale * stretch).gather(1, material) * shapes.half_width,
        grain_v=(scale / stretch).gather(1, material) * shapes.half_height,
        grain_start=uniform(leaves, 0, TILE, generator),
        grain_contrast=grain,
    )


def draw_tile(generator: Generator) -> Tensor:
    """Periodic noise (TILE, TILE) whose amplitude falls with the frequency f as f^-0.9."""
    frequency = torch.fft.fftfreq(TILE)
    squared = frequency[:, None] ** 2 + frequency**2 + (2 / TILE) ** 2
    white = torch.randn(TILE, TILE, generator=generator)
    tile = torch.fft.ifft2(torch.fft.fft2(white) * squared**-0.45).real
    return (tile - tile.mean()) / tile.std()


def draw_scenes(count: int, generator: Generator) -> Iterator[Scenes]:
    """`count` scenes in all, BATCH of them at a time."""
    tile = draw_tile(generator)
    for start in range(0, count, BATCH):
        leaves = (min(BATCH, count - start), LEAVES)
        material = torch.randint(MATERIALS, leaves, generator=generator)
        shapes = draw_shapes(material, generator)
        yield Scenes(shapes, draw_surfaces(material, shapes, generator), tile)


def leaves_near_blocks(shapes: Shapes) -> Tensor:
    """Indices (blocks, K) of the leaves of one scene that may touch each block, the foremost first.

    K is what the most crowded block needs; the others are filled up with the background, leaf 0.
    """
    step = BLOCK * CELL
    middle = torch.arange(step / 2, SIDE, step)[:, None]
    reach = torch.maximum(shapes.half_width, shapes.half_height) * shapes.roundness**-0.5
    squared_x, squared_y = (shapes.x - middle) ** 2, (shapes.y - middle) ** 2  # (blocks, LEAVES)
    touches = squared_y[:, None] + squared_x < (reach + step / math.sqrt(2)) ** 2
    ranks = touches.flatten(0, 1) * torch.arange(LEAVES, dtype=torch.int16)
    return ranks.topk(int(touches.sum(-1).max()), dim=-1).values.long()


def find_foremost(geometry: list[Tensor], near: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Indices of the leaves seen at x and y (T, P), out of near (T, K), the foremost first."""
    a, b, c, d, e, f, roundness, cut_u, cut_v = (field[near][..., None] for field in geometry)
    x, y = x[:, None], y[:, None]
    u = (a * x).addcmul_(b, y).add_(c)  # (T, K, P)
    v = (d * x).addcmul_(e, y).add_(f)
    cut = (cut_u * u).addcmul_(cut_v, v)
    u, v = u.square_(), v.square_()
    edge = (u + v).mul_(roundness).maximum(u).maximum(v).maximum(cut)
    countdown = torch.arange(near.shape[1], 0, -1, dtype=torch.int16)[:, None]
    first = near.shape[1] - ((edge < 1) * countdown).amax(1).long()
    return near.gather(1, first)


def shade(frame: list[Tensor], surface: Surfaces, tile: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Colours (3, T, P), uint8, of the leaves with this frame and surface (T, P) at x and y."""
    a, b, c, d, e, f = frame
    u, v = a * x + b * y + c, d * x + e * y + f
    wave = torch.sin(surface.wave_u * u + surface.wave_v * v + surface.wave_phase)
    row = (surface.grain_u * u + surface.grain_start).long() % TILE
    column = (surface.grain_v * v + surface.grain_start).long() % TILE
    grain = tile.take(row * TILE + column)
    light = 1 + surface.shade_u * u + surface.shade_v * v
    light = 255 * (light + surface.wave_contrast * wave + surface.grain_contrast * grain)
    colour = torch.stack([surface.red * light, surface.green * light, surface.blue * light])
    return colour.round_().clamp_(0, 255).to(torch.uint8)


def to_blocks(cells: Tensor) -> Tensor:
    """(SIZE, SIZE, S) -> (blocks, BLOCK * BLOCK * S)."""
    blocks = cells.unflatten(1, (-1, BLOCK)).unflatten(0, (-1, BLOCK)).transpose(1, 2)
    return blocks.flatten(2).flatten(0, 1).flatten(1)


def to_cells(blocks: Tensor) -> Tensor:
    """(3, blocks, BLOCK * BLOCK * S) -> (3, SIZE, SIZE, S)."""
    cells = blocks.view(3, SIZE // BLOCK, SIZE // BLOCK, BLOCK, BLOCK, -1).transpose(2, 3)
    return cells.flatten(3, 4).flatten(1, 2)


def render_scene(shapes: Shapes, surfaces: Surfaces, tile: Tensor, places: Tensor) -> Tensor:
    """One scene (fields (LEAVES,)) at places (SIZE, SIZE, S) -> (3, SIZE, SIZE, S), uint8."""
    corner = torch.arange(SIZE) * CELL + 0.5
    x = to_blocks(corner[:, None] + places % CELL)
    y = to_blocks(corner[:, None, None] + places // CELL)
    frame, near = shapes.frame(), leaves_near_blocks(shapes)
    geometry = [*frame, shapes.roundness, shapes.cut_u, shapes.cut_v]
    parts = []
    step = max(1, POINTS // x.shape[1])
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        seen = find_foremost(geometry, near[part], x[part], y[part])
        surface = Surfaces(*(field[seen] for field in surfaces))
        parts.append(shade([field[seen] for field in frame], surface, tile, x[part], y[part]))
    return to_cells(torch.cat(parts, 1))


@contextmanager
def one_thread() -> Iterator[None]:
    """On busy cores a second thread only slows operations as small as these down."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
def render(scenes: Scenes, places: Tensor) -> Tensor:
    """The scene pixels at `places` (N, SIZE, SIZE, S), numbered 0..63 row by row in each cell.

    Returns uint8 of shape (N, 3, SIZE, SIZE, S).
    """
    images = []
    for i, place in enumerate(places):
        shapes = Shapes(*(field[i] for field in scenes.shapes))
        surfaces = Surfaces(*(field[i] for field in scenes.surfaces))
        images.append(render_scene(shapes, surfaces, scenes.tile, place))
    return torch.stack(images)


def render_all(scenes: Scenes) -> Tensor:
    """Every scene pixel, uint8 (N, 3, SIZE, SIZE, CELL * CELL), row by row in each cell."""
    everywhere = torch.arange(CELL * CELL).expand(len(scenes.shapes.x), SIZE, SIZE, -1)
    return render(scenes, everywhere)
