"""What all pages share: the header, the light and dark switch, the keys, and the addresses."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from nicegui import ui
from starlette.requests import Request
from starlette.responses import RedirectResponse

from others.demo.pages import denoise, framework, pixel, results, training
from others.demo.prepared import PREPARED, address
from others.demo.state import State

PAGES: dict[str, ModuleType] = {
    "denoise": denoise,
    "pixel": pixel,
    "framework": framework,
    "training": training,
    "results": results,
}
ARROW = "text-white no-underline text-xl px-1"
ASSETS = Path(__file__).parent / "assets"
# Remote controls for slides send PageDown and PageUp. A slider or a text field keeps its keys.
KEYS = """<script>
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest("input, textarea, .q-slider")) return;
  const name = {n: "next", PageDown: "next", p: "previous", PageUp: "previous"}[event.key];
  if (name) { event.preventDefault(); document.getElementById(name).click(); }
});
</script>"""


def header(current: str, state: State, dark: bool) -> None:
    """The five pages, the prepared states around this one, and the switch to dark colours."""
    step = int(state.number("step", -1, -1, len(PREPARED) - 1))  # -1: none of them
    ui.colors(primary="#2a6a8f")  # a blue on which white is readable
    with ui.header().classes("items-center gap-4 py-2"):
        for name, page in PAGES.items():
            here = 'aria-current="page"' if name == current else ""
            link = ui.link(page.TITLE, f"/{name}").props(here)
            link.classes("text-white no-underline" + (" font-bold underline" if here else ""))
        ui.space()
        ui.link("◀", address(max(step, 0) - 1)).classes(ARROW).props(
            'id=previous aria-label="previous state, key P"'
        )
        title = PREPARED[step].title if step >= 0 else "prepared states"
        ui.label(title).tooltip("keys P and N, or PageUp and PageDown")
        ui.link("▶", address(step + 1)).classes(ARROW).props(
            'id=next aria-label="next state, key N"'
        )
        mode = ui.dark_mode(dark)

        def switch(value: bool) -> None:
            mode.set_value(value)
            state.set("dark", value)
            # The pages that are opened later start as this one was left.
            ui.run_javascript(f"document.cookie = 'dark={int(value)}; path=/; SameSite=Strict'")

        made = ui.switch("dark", value=dark, on_change=lambda event: switch(bool(event.value)))
        made.props("color=amber")


def register(data: Path) -> None:
    """Give every page its address.

    Args:
        data: the folder of the course's files.
    """
    for name in ("pictures.css", "pictures.js"):
        kind = {".css": "style", ".js": "script"}[Path(name).suffix]
        text = (ASSETS / name).read_text(encoding="utf-8")
        ui.add_head_html(f"<{kind}>{text}</{kind}>", shared=True)
    ui.add_head_html(KEYS, shared=True)

    def open_page(name: str, request: Request) -> None:
        state = State(request.query_params, data)
        header(name, state, state.flag("dark", request.cookies.get("dark") == "1"))
        notices = ui.column()
        PAGES[name].build(state)
        with notices:
            for problem in state.problems:
                ui.label(problem).props("role=alert").classes("text-warning")

    for name, page in PAGES.items():

        def opened(request: Request, name: str = name) -> None:
            open_page(name, request)

        ui.page(f"/{name}", title=page.TITLE)(opened)
    ui.page("/")(lambda: RedirectResponse("/denoise"))
