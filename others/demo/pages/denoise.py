"""Denoise: an image, a noise, and any of the project's models side by side."""

from contextlib import suppress
from pathlib import Path

from nicegui import events, run, ui

from others.analysis.answers import answer, denoiser, judged
from others.analysis.subjects import Subject, source_of_file
from others.demo.controls import Controls, ImageControls
from others.demo.pictures import Panel, columns, note
from others.demo.state import Run, Stale, State
from others.files.image_file import bytes_of, picture_of
from others.files.kinds import SUFFIXES, Picture
from others.files.tiling import denoised
from others.networks.pretrained import model_names

TITLE = "Denoise"
DEFAULT = ["miniproject_1", "miniproject_2"]
MOST_BYTES, MOST_PIXELS = 2**26, 2**25  # of a file that is dropped on the page
SAVED = Path("denoised.png")  # the name of what is saved; PNG holds every kind of picture
MOST_ERROR = 64  # grey levels: the light end of the error maps


class Page:
    """The page of one tab."""

    def __init__(self, state: State) -> None:
        left, right = columns()
        with right:
            self.grid = ui.element("div").classes("pictures gap-3")
            note(
                "PSNR per image, of values clipped to 0..255; beside it, how long a model took. "
                "Errors: the mean of their size over red, green and blue. The models biasfree_… "
                "and …dncnn were trained for Gaussian noise, the others for the course's. The "
                "wheel and a drag, or the keys + − 0 and arrows, zoom and move all pictures."
            )
        with left:
            self.controls = Controls(state, self.draw)
            self.images = ImageControls(self.controls)
            models = self.controls.select("models", "models", model_names(), DEFAULT)
            models.props("use-chips").on_value_change(self._lay_out)
            self.controls.switch("ensemble", "self-ensemble: mean over turns")
            FilePart(self)
        self._lay_out()

    def _lay_out(self) -> None:
        self.grid.clear()
        titles = ["noisy", *self.controls["models"], "clean"]
        self.images_of, self.errors_of = {}, {}
        for title in titles:
            with self.grid, ui.column().classes("w-full gap-1"):
                self.images_of[title] = Panel(title)
                if title != "clean":
                    self.errors_of[title] = Panel("error", f"of {title}", "grey levels")

    async def draw(self, run: Run) -> None:
        """Compute and show everything anew."""
        ensemble, images, errors = self.controls["ensemble"], self.images_of, self.errors_of
        noisy, clean = await run(Subject.images, self.images.subject())
        images["clean"].show(clean[0], "the reference")
        found = judged(noisy, clean)
        for name, panel in errors.items():
            if name != "noisy":
                found = await run(answer, name, ensemble, noisy, clean)
            images[name].show(found.image, found.score)
            panel.show_map(found.errors, most=MOST_ERROR)


class FilePart:
    """A file that is dropped on the page: shown, and on demand denoised whole and saved."""

    share: float | None = None  # of the file that is denoised, by the thread that does it
    picture: Picture | None = None

    def __init__(self, page: Page) -> None:
        self.page, self.client = page, ui.context.client
        self.upload = ui.upload(
            label="choose or drop a file",
            max_file_size=MOST_BYTES,
            auto_upload=True,
            on_upload=self._arrived,
            on_rejected=lambda: self.said.set_text(
                f"Refused: expected an image of at most {MOST_BYTES // 2**20} MiB, which is one of "
                + ", ".join(SUFFIXES)
            ),
        )
        self.upload.props(f'flat bordered accept="{",".join(SUFFIXES)}"').classes("w-full")
        self.said = ui.label().classes("text-sm wrap-anywhere").props("role=status")
        page.images.image.on_value_change(lambda event: self._left(event.value))
        button = ui.button("denoise the whole file", on_click=self._denoise_whole)
        button.bind_enabled_from(self, "share", lambda share: share is None)
        button.bind_visibility_from(self, "picture", lambda picture: picture is not None)
        bar = ui.linear_progress(show_value=False).props('aria-label="share denoised"')
        bar.bind_value_from(self, "share", lambda share: share or 0)
        bar.bind_visibility_from(self, "share", lambda share: share is not None)

    async def _arrived(self, event: events.UploadEventArguments) -> None:
        data = await event.file.read()
        self.upload.reset()  # ready for the next file
        try:
            picture = await run.io_bound(picture_of, data, event.file.name, MOST_PIXELS)
            assert picture is not None
            source = source_of_file(picture.colour, picture.white)
        except (ValueError, OSError) as error:
            self.said.set_text(f"Refused: {error}.")
            return
        height, width = picture.colour.shape[1:]
        self.page.images.use_file(source)
        self.picture = picture
        self.said.set_text(
            f"{event.file.name}, {width}×{height} {picture.mode}: its middle is shown, and taken "
            "for clean. Choose a noise to add it."
        )
        await self.page.controls.refresh()

    def _left(self, image: str | None) -> None:
        """Forget the file when one of the images is shown instead."""
        if image is not None:
            self.picture = None
            self.said.set_text("")

    async def _denoise_whole(self) -> None:
        names, picture = self.page.controls["models"], self.picture
        if picture is None:  # another image has been chosen meanwhile
            return
        if not names:
            self.said.set_text("Choose a model first.")
            return
        self.share = 0.0
        try:
            content = await run.io_bound(
                self._whole, picture, names[0], self.page.controls["ensemble"]
            )
        except (ValueError, OSError) as error:
            self.said.set_text(f"Not denoised: {error}.")
            return
        except Exception:
            self.said.set_text("Not denoised: the server's terminal says why.")
            raise
        finally:
            self.share = None
        if content:
            self.said.set_text(f"Denoised by {names[0]}.")
            ui.download.content(content, SAVED.name)

    def _whole(self, picture: Picture, name: str, ensemble: bool) -> bytes | None:
        """The file that is saved; runs in a thread, and ends with None when the tab is closed."""

        def done(share: float) -> None:
            self.share = share
            if self.client.is_deleted:
                raise Stale

        with suppress(Stale):
            model = denoiser(name, ensemble=ensemble)
            return bytes_of(SAVED, denoised(model, picture, done=done))
