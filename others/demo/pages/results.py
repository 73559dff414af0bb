"""Results and questions: tables and figures of both reports, and the questions of the exam."""

import base64
from functools import partial

from nicegui import ui

from others.demo.captions import CAPTIONS
from others.demo.pictures import columns
from others.demo.state import Latest, Run, State
from others.records.table import markdown
from others.report.figures import svg
from others.report.oral import Question, excerpt, sheet
from others.report.results import Results
from others.report.tables import REPORT_TABLES, SOURCES

TITLE = "Results and questions"


def show_question(question: Question) -> None:
    """A question, its answer, the pages that show it, and the code it refers to."""
    ui.markdown(f"**{question.number}. {question.title}**").classes("text-xl")
    ui.markdown(question.answer)
    for address, title in question.shown:
        ui.button(f"show: {title}", on_click=partial(ui.navigate.to, address))
    for path, line, piece in question.references:
        ui.label(f"{path}, line {line}: {piece}").classes("font-mono text-sm mt-2")
        ui.code(excerpt(path, line), language="text").classes("w-full")


def show_result(shown: str, state: State) -> None:
    """A table or a figure, which report shows it, and the commands that measured it."""
    source, name = SOURCES[shown], shown.partition("-")[2]
    ui.label(source.title).classes("text-xl font-bold")
    origin = "others/results" if source.commands else "the code; nothing was measured"
    ui.label(f"Report {source.report}. Drawn just now from {origin}.")
    ui.label(CAPTIONS[shown])
    for command in source.commands:
        ui.code(command, language="bash").classes("w-full")
    if name in REPORT_TABLES:
        ui.markdown(markdown(REPORT_TABLES[name].make(Results()))).classes("tables w-full")
        return
    image = ui.element("img").classes("w-full max-w-4xl bg-white p-2 rounded")
    image.props["alt"] = source.title

    async def draw(run: Run) -> None:
        content = base64.b64encode(await run(svg, name)).decode()
        image.props["src"] = f"data:image/svg+xml;base64,{content}"

    Latest(state, draw)


class Page:
    """The page of one tab: the list of all that can be shown, and one of it."""

    def __init__(self, state: State) -> None:
        found = sheet()
        titles = {name: f"{q.number}. {q.title}".replace("`", "") for name, q in found.items()}
        titles.update({name: f"Report {s.report}: {s.title}" for name, s in SOURCES.items()})
        show = state.choice("show", list(titles), "question-1")
        left, right = columns()
        with left, ui.element("nav").classes("w-full text-sm h-[84vh] max-md:h-48 overflow-y-auto"):
            for name, title in titles.items():
                link = ui.link(title, f"/results?show={name}")
                link.classes("block py-1 no-underline hover:underline text-inherit")
                if name == show:
                    link.classes("font-bold").props('aria-current="true"')
                    ui.run_javascript(f"showInList(getHtmlElement({link.id}))")
        with right:
            if show in found:
                show_question(found[show])
            else:
                show_result(show, state)
