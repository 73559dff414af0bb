"""Results and questions: tables and figures of both reports, and the questions of the exam."""

from __future__ import annotations

import base64
from functools import lru_cache
from threading import Lock

from nicegui import ui

from others.demo.background import Latest, Run
from others.demo.prepared import ANSWERS
from others.demo.state import State
from others.records.table import markdown
from others.report.document import REPORT
from others.report.figures import FIGURES, drawn
from others.report.oral import Question, excerpt, questions
from others.report.results import Results
from others.report.sources import FIGURE_SOURCES, Source
from others.report.tables import REPORT_TABLES

TITLE = "Results and questions"
DRAWING = Lock()  # matplotlib's settings belong to the whole process
SOURCES = {
    **{f"figure-{name}": source for name, source in FIGURE_SOURCES.items()},
    **{f"table-{name}": table.source for name, table in REPORT_TABLES.items()},
}


def asked() -> dict[str, Question]:
    """The questions by their names in the address."""
    text = (REPORT / "ORAL.md").read_text(encoding="utf-8")
    return {f"question-{question.number}": question for question in questions(text)}


@lru_cache(maxsize=None)
def figure(name: str) -> str:
    """A figure of a report as a URL that holds it; drawn once."""
    with DRAWING:
        content = drawn(name, FIGURES[name][0](Results()), "svg", {"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(content).decode()


def show_question(question: Question) -> None:
    """A question, its answer, the state of a page that shows it, and the code it refers to."""
    ui.markdown(f"**{question.number}. {question.title}**").classes("text-xl")
    ui.markdown(question.answer)
    ui.button("show it", on_click=lambda: ui.navigate.to(ANSWERS[question.number])).props("no-caps")
    for path, line, piece in question.references:
        ui.label(f"{path}, line {line}: {piece}").classes("font-mono text-sm mt-2")
        ui.code(excerpt(path, line), language="text").classes("w-full")


def show_source(source: Source) -> None:
    """Which report shows it, and the commands that measured it."""
    ui.label(source.title).classes("text-xl font-bold")
    ui.label(f"Report {source.report}. Read from others/results and drawn just now.")
    if not source.commands:
        ui.label("It follows from the code; nothing was measured.").classes("text-sm")
    for command in source.commands:
        ui.code(command, language="bash").classes("w-full")


def build(state: State) -> None:
    """Draw the page."""
    found = asked()
    titles = {name: f"{q.number}. {q.title}".replace("`", "") for name, q in found.items()}
    titles.update({name: f"Report {s.report}: {s.title}" for name, s in SOURCES.items()})
    show = state.choice("show", titles, "question-1")
    with ui.row().classes("w-full no-wrap items-start gap-6"):
        with ui.element("nav").classes("w-80 shrink-0 text-sm h-[84vh] overflow-y-auto"):
            for name, title in titles.items():
                here = " font-bold" if name == show else ""
                link = ui.link(title, f"/results?show={name}").classes(
                    f"block py-1 no-underline hover:underline text-inherit{here}"
                )
                link.props('aria-current="true"' if here else "")
        with ui.column().classes("grow min-w-0 gap-2"):
            if show in found:
                show_question(found[show])
                return
            show_source(SOURCES[show])
            kind, _, name = show.partition("-")
            if kind == "table":
                ui.markdown(markdown(REPORT_TABLES[name].make(Results()))).classes("tables w-full")
                return
            image = ui.element("img").classes("w-full max-w-4xl bg-white p-2 rounded")
            image.props["alt"] = SOURCES[show].title

            async def draw(run: Run) -> None:
                image.props["src"] = await run(figure, name)

            ui.timer(0, Latest(state, draw).refresh, once=True)
