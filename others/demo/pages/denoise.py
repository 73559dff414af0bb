"""Denoise: an image, a noise, and any of the project's models side by side."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from nicegui import events, run, ui
from torch import Tensor

from others.analysis.subjects import Subject, source_of_file
from others.demo import controls, pictures
from others.demo.background import Latest, Run
from others.demo.images import ImageControls
from others.demo.state import State
from others.engine.metrics import psnr_per_image
from others.files.image_file import bytes_of, picture_of
from others.files.kinds import SUFFIXES, Picture
from others.files.tiling import denoised
from others.networks.pretrained import Denoiser, load_denoiser, model_names

TITLE = "Denoise"
DEFAULT = ("miniproject_1", "miniproject_2")
MOST_BYTES, MOST_PIXELS = 2**26, 2**25  # of a file that is dropped on the page
SAVED = Path("denoised.png")  # the name of what is saved; PNG holds every kind of picture
MOST_ERROR = 64  # grey levels: the light end of the error maps


@lru_cache(maxsize=None)
def denoiser(name: str, ensemble: bool) -> Denoiser:
    """A model, loaded once for all tabs."""
    return load_denoiser(name, ensemble=ensemble)


def answer(name: str, ensemble: bool, noisy: Tensor) -> tuple[Tensor, float]:
    """The denoised image, and the milliseconds that it took."""
    model = denoiser(name, ensemble)
    start = time.perf_counter()
    image = model(noisy)
    return image, 1000 * (time.perf_counter() - start)


class Closed(Exception):
    """The tab that asked is closed."""


class Card:
    """An image with its title, its scores and its map of errors."""

    def __init__(self, title: str) -> None:
        with ui.column().classes("gap-1"):
            ui.label(title).classes("font-bold leading-none")
            self.scores = ui.label().classes("scores text-sm leading-none")
            self.image = pictures.Shown(f"image: {title}")
            if title == "clean":
                self.scores.set_text("the reference")
                ui.label("error: mean of its size over red, green and blue").classes("text-xs")
                pictures.Legend("grey levels, and above").show(MOST_ERROR)
            else:
                self.error = pictures.Shown(f"error of: {title}")

    def show(self, image: Tensor, clean: Tensor, milliseconds: float | None = None) -> None:
        """Show an image (1, 3, H, W), its PSNR to the clean one and its errors."""
        seen = image.clamp(0, 1)
        same = bool((seen == clean).all())
        spent = "" if milliseconds is None else f" · {milliseconds:.0f} ms"
        self.scores.set_text(("exact" if same else f"{psnr_per_image(seen, clean):.2f} dB") + spent)
        self.image.show(seen[0])
        self.error.show_map(255 * (seen - clean)[0].abs().mean(0), MOST_ERROR)


class Page:
    """The page of one tab."""

    def __init__(self, state: State) -> None:
        self.state, self.latest = state, Latest(state, self.draw)
        self.refresh = self.latest.refresh
        self.names = state.subset("models", model_names(), DEFAULT)
        self.cards: dict[str, Card] = {}
        with ui.row().classes("w-full no-wrap items-start gap-6"):
            with ui.column().classes("w-64 shrink-0 gap-2"):
                self._controls()
            with ui.column().classes("grow gap-2"):
                self.grid = ui.element("div").classes("grid w-full gap-3")
                ui.label(
                    "PSNR per image, of values clipped to 0..255; above, what a model takes for "
                    "this image. Wheel and drag, or + − 0 and arrows, zoom and pan all pictures."
                ).classes("text-xs opacity-70")
        self._lay_out()

    def _controls(self) -> None:
        self.images = ImageControls(self.state, self.refresh)
        ui.select(
            model_names(), multiple=True, value=self.names, label="models", on_change=self._chosen
        ).props("use-chips dense options-dense").classes("w-full")
        self.ensemble = controls.switch(
            self.state, "ensemble", "self-ensemble: mean over turns", False, self.refresh
        )
        self.file = FilePart(self)

    def _chosen(self, event: Any) -> Any:
        self.names = [name for name in model_names() if name in event.value]
        self.state.set("models", self.names)
        self._lay_out()
        return self.refresh()

    def _lay_out(self) -> None:
        self.grid.clear()
        titles = ["noisy", *self.names, "clean"]
        columns = min(len(titles), 5)
        self.grid.style(f"grid-template-columns: repeat({columns}, minmax(0, 1fr))")
        with self.grid:
            self.cards = {title: Card(title) for title in titles}

    async def draw(self, run: Run) -> None:
        """Compute and show everything anew."""
        ensemble, cards, names = bool(self.ensemble.value), self.cards, self.names
        noisy, clean = await run(Subject.images, self.images.subject())
        cards["clean"].image.show(clean[0])
        cards["noisy"].show(noisy, clean)
        for name in names:
            image, milliseconds = await run(answer, name, ensemble, noisy)
            cards[name].show(image, clean, milliseconds)


class FilePart:
    """A file that is dropped on the page: shown, and on demand denoised whole and saved."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.picture: Picture | None = None
        self.share = 0.0  # of the file that is denoised, written by the thread that does it
        self.client = ui.context.client
        self.upload = ui.upload(
            label="or drop a file here",
            max_file_size=MOST_BYTES,
            auto_upload=True,
            on_upload=self._arrived,
            on_rejected=lambda: self.said.set_text(
                f"Refused: expected an image of at most {MOST_BYTES // 2**20} MiB, which is one of "
                + ", ".join(SUFFIXES)
            ),
        )
        self.upload.props(f'flat bordered accept="{",".join(SUFFIXES)}"').classes("w-full")
        self.said = ui.label().classes("text-sm").props("role=status")
        self.button = ui.button("denoise the whole file", on_click=self._denoise_whole)
        self.button.props("dense no-caps").set_visibility(False)
        self.bar = ui.linear_progress(show_value=False).props('aria-label="share denoised"')
        self.bar.set_visibility(False)
        self.timer = ui.timer(0.2, lambda: self.bar.set_value(self.share), active=False)

    async def _arrived(self, event: events.UploadEventArguments) -> None:
        data = await event.file.read()
        self.upload.reset()  # ready for the next file
        try:
            self.picture = await run.io_bound(picture_of, data, "the file", MOST_PIXELS)
            assert self.picture is not None
            source = source_of_file(self.picture.colour, self.picture.white)
        except (ValueError, OSError) as error:
            self.said.set_text(f"Refused: {error}.")
            return
        height, width = self.picture.colour.shape[1:]
        self.said.set_text(f"{width}×{height} {self.picture.mode}: its middle is shown.")
        self.button.set_visibility(True)
        self.page.images.use_file(source)
        await self.page.refresh()

    async def _denoise_whole(self) -> None:
        names, picture = self.page.names, self.picture
        if picture is None or not names:
            self.said.set_text("Choose a model first.")
            return
        self._set_busy(True)
        try:
            content = await run.io_bound(self._whole, names[0], picture)
        except Closed:
            return
        self._set_busy(False)
        self.said.set_text(f"Denoised by {names[0]}.")
        ui.download.content(content or b"", SAVED.name)

    def _set_busy(self, busy: bool) -> None:
        self.share = 0.0
        self.button.set_enabled(not busy)
        self.bar.set_visibility(busy)
        self.timer.active = busy

    def _whole(self, name: str, picture: Picture) -> bytes:
        """The file that is saved; runs in a thread, and ends when the tab is closed."""

        def done(share: float) -> None:
            self.share = share
            if self.client.is_deleted:
                raise Closed

        model = denoiser(name, bool(self.page.ensemble.value))
        return bytes_of(SAVED, denoised(model, picture, done=done))


def build(state: State) -> None:
    """Draw the page."""
    page = Page(state)
    ui.timer(0, page.refresh, once=True)
