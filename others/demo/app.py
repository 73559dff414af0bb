"""What all pages share: the header, the light and dark switch, and the addresses."""

from pathlib import Path
from types import ModuleType
from typing import Callable

from nicegui import binding, ui
from starlette.requests import Request
from starlette.responses import RedirectResponse

from others.demo.pages import denoise, framework, pixel, results, training
from others.demo.state import State
from others.report.oral import Shown, sheet

PAGES: dict[str, ModuleType] = {
    page.__name__.rpartition(".")[2]: page
    for page in (denoise, pixel, framework, training, results)
}
ASSETS = Path(__file__).parent / "assets"


def prepared() -> list[Shown]:
    """The states that the keys N and P walk through: those that ORAL.md names, in its order."""
    return [state for question in sheet().values() for state in question.shown]


def header(current: str, state: State, dark: bool) -> None:
    """The five pages, the prepared states around this one, and the switch to dark colours."""
    states = prepared()
    step = int(state.number("step", -1, -1, len(states) - 1))  # -1: none of them
    ui.colors(primary="#2a6a8f")  # a blue on which white is readable
    with ui.header().classes("items-center gap-4 py-2"):
        for name, page in PAGES.items():
            here = 'aria-current="page"' if name == current else ""
            link = ui.link(page.TITLE, f"/{name}").props(here)
            link.classes("text-white no-underline" + (" font-bold underline" if here else ""))
        ui.space()
        title = states[step].title if step >= 0 else "prepared states"
        ui.label(title).tooltip("keys P and N, or PageUp and PageDown")
        for sign, name, to in (("◀", "previous", max(step, 0) - 1), ("▶", "next", step + 1)):
            path = states[to % len(states)].address
            target = f"{path}{'&' if '?' in path else '?'}step={to % len(states)}"
            link = ui.link(sign, target).classes("text-white no-underline text-xl px-1")
            link.props(f'id={name} aria-label="{name} state, key {name[0].upper()}"')
        switch = ui.switch("dark", value=dark, on_change=lambda e: state.set("dark", bool(e.value)))
        switch.props("color=amber").bind_value_to(ui.dark_mode(dark))


def register(data: Path) -> None:
    """Give every page its address; `data` is the folder of the course's files."""
    prepared()  # a sheet of questions that cannot be read is known before the first page is opened
    ui.add_css(ASSETS / "page.css", shared=True)
    script = (ASSETS / "page.js").read_text(encoding="utf-8")
    ui.add_head_html(f"<script>{script}</script>", shared=True)
    # A menu that moves while it opens is missed by a quick click.
    ui.select.default_props("dense options-dense transition-duration=0")
    ui.button.default_props("dense no-caps")
    binding.MAX_PROPAGATION_TIME = 10.0  # seconds: a busy machine is no reason for a warning

    for name, page in PAGES.items():
        ui.page(f"/{name}", title=page.TITLE)(opener(name, data))
    ui.page("/")(lambda: RedirectResponse("/denoise"))


def opener(name: str, data: Path) -> Callable[[Request], None]:
    """What draws a page for a request."""

    def opened(request: Request) -> None:
        state = State(request.query_params, data)
        header(name, state, state.flag("dark", request.cookies.get("dark") == "1"))
        notices = ui.column()
        try:
            PAGES[name].Page(state)
        except (OSError, ValueError) as error:  # a file that is just being written, for example
            state.problems.append(f"This page cannot be shown now: {error}. Load it again.")
        with notices:
            for problem in state.problems:
                ui.label(problem).props("role=alert").classes("refusal")

    return opened
