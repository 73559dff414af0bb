"""The reports: what they show is what was measured, and what was not measured is left out."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy import stats

from others.records.formats import Spread
from others.records.paths import RESULTS
from others.report import __main__ as report
from others.report import drawing, figures, oral
from others.report.document import PAGES, PDFS, REPORT, definitions, digest, numbers_tex, problems
from others.report.results import AblationRow, Results, curve_points
from others.report.trainings import trainings
from others.report.wording import chance, comparisons, printed_gap, seeds_of, significant
from others.studies.submission.report_images import hexadecimal

ROOT = REPORT.parent
TEXTS = [REPORT / f"{name}.tex" for name in PDFS]
TYPED = re.compile(r"\d+[.,]\d+|\d\s*(?:~|\\,)?(?:dB|\\%)|\d{4,}")  # what is measured looks so
LATEX_OWN = {"Big", "Sigma"}  # macros that LaTeX defines
CONSTANTS = ("50/255", "2\\,\\%", "10--90\\,\\%")  # of the code, not measured
SETTINGS = ("loss_weight_exponent", "noisy")
CHANGED = ["submission", "public", "noise_training", "pictures", "training/miniproject_1"]
CHANGED += ["training/miniproject_2", "bench/framework", "bench/exactness", "bench/straightforward"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The results, to be changed."""
    return Path(shutil.copytree(RESULTS, tmp_path / "results"))


def test_numbers_are_those_of_the_results() -> None:
    """report/numbers.tex is what the JSON files of others/results give; else `make report`."""
    assert (REPORT / "numbers.tex").read_text(encoding="utf-8") == numbers_tex(Results())


@pytest.mark.parametrize("path", PDFS.values())
def test_pdfs_show_the_results(path: str) -> None:
    """Each compiled report carries the digest of the results and texts as they are now."""
    assert f"results {digest(Results())}".encode() in (ROOT / path).read_bytes(), (
        "run `make report`"
    )


@pytest.mark.parametrize("path", PDFS.values())
def test_pdfs_are_fit_to_be_handed_in(path: str) -> None:
    """At most three pages, and every font is embedded, none as bitmaps."""
    content = (ROOT / path).read_bytes()
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= PAGES
    descriptors = re.findall(rb"/Type\s*/FontDescriptor\b.*?endobj", content, re.DOTALL)
    assert len(descriptors) > 5
    assert all(b"/FontFile" in descriptor for descriptor in descriptors)
    assert b"/Type3" not in content


def changed(content: Any) -> Any:
    """A JSON value with one added to every fraction but those that say what was measured."""
    if isinstance(content, dict):
        return {key: value if key in SETTINGS else changed(value) for key, value in content.items()}
    if isinstance(content, list):
        return [changed(value) for value in content]
    return content + 1.0 if isinstance(content, float) else content


@pytest.mark.parametrize("name", CHANGED)
def test_another_result_is_another_report(name: str, copy: Path) -> None:
    """Numbers that change in a JSON file change what the reports show, and so their digest."""
    path = copy / f"{name}.json"
    content = changed(json.loads(path.read_text(encoding="utf-8")))
    path.write_text(json.dumps(content), encoding="utf-8")
    assert digest(Results(copy)) != digest(Results())


def test_every_macro_is_defined_once_and_used() -> None:
    """The texts use only macros that are defined, and every macro that is defined."""
    defined = re.findall(r"\\newcommand{\\(\w+)}", definitions(Results()))
    assert len(defined) == len(set(defined))
    texts = [path.read_text(encoding="utf-8") for path in TEXTS]
    used = set(re.findall(r"\\([A-Z][a-z]+[A-Za-z]*)(?![a-z])", "".join(texts))) - LATEX_OWN
    assert len(used) > 100
    assert used == set(defined)


def test_every_macro_is_found_by_its_name() -> None:
    """The name of each macro stands in quotes in the code that computes it."""
    folder = ROOT / "others" / "report"
    code = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    names = re.findall(r"\\newcommand{\\(\w+)}", definitions(Results()))
    assert [name for name in names if code.count(f'"{name}":') != 1] == []


def test_every_figure_is_drawn_and_shown() -> None:
    """The texts show the figures that are drawn, each one."""
    texts = "".join(path.read_text(encoding="utf-8") for path in TEXTS)
    assert set(re.findall(r"\\includegraphics\[[^]]*\]{(\w+)}", texts)) == set(figures.FIGURES)


def test_a_missing_result_is_named(copy: Path) -> None:
    """Without a measurement there is no report: the error names its file."""
    (copy / "noise_training.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"noise_training\.json"):
        definitions(Results(copy))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_result_is_typed(path: Path) -> None:
    """The texts have no decibels, percentages or decimal fractions of their own."""
    text = path.read_text(encoding="utf-8")
    for constant in CONSTANTS:
        text = text.replace(constant, "")
    body = text.split(r"\begin{document}")[1]
    assert set(TYPED.findall(body)) <= {"1024"}  # pixels of an image


def test_results_of_another_network_are_refused(copy: Path) -> None:
    """Scores of a network with other parameters than the code's are named, not printed."""
    path = copy / "submission.json"
    path.write_text(path.read_text().replace('"parameters": ', '"parameters": 1'))
    with pytest.raises(ValueError, match=r"submission\.json is about Miniproject 1"):
        definitions(Results(copy))


@pytest.mark.parametrize("name", list(figures.FIGURES))
def test_figures_are_vectors(name: str, tmp_path: Path) -> None:
    """Every figure is drawn with embedded outlines; only the one of images holds images."""
    data = figures.FIGURES[name][0](Results())
    if data is None:
        pytest.skip("not measured")
    content = figures.save(name, data, tmp_path).read_bytes()
    assert (b"/Subtype /Image" in content) == (name in ("pictures", "strip"))
    assert b"/Type3" not in content


def test_figures_are_repeatable(tmp_path: Path) -> None:
    """The same data give the same bytes."""
    one, two = (figures.save("phases", {"kernel": 4, "stride": 2}, tmp_path / n) for n in "ab")
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("number", [1, 2])
def test_each_stretch_says_where_it_ran(number: int) -> None:
    """Trainings on a CPU say so, whether or not their record has a place for a device."""
    places = trainings(Results(), f"miniproject_{number}").select(["on"]).rows
    assert {place for (place,) in places} >= {"CPU", "NVIDIA H200"}
    assert all(place for (place,) in places)


def test_points_of_a_curve_are_means_over_seeds(copy: Path) -> None:
    """Two trainings of one length are one point of the curve."""
    keys = "psnr_per_image_db", "self_ensemble_psnr_per_image_db"
    rows = {
        f"{epochs} epochs": {
            "changes": {"epochs": epochs},
            "seeds": {
                str(seed): {"cpu_seconds": 60.0 * epochs, **dict.fromkeys(keys, score)}
                for seed, score in enumerate(scores)
            },
        }
        for epochs, scores in {2: (25.5, 26.0), 1: (25.0,)}.items()
    }
    path = copy / "curve" / "miniproject_1.json"
    path.write_text(json.dumps({"setting": {"pairs": 50000}, "rows": rows}))
    found = curve_points(Results(copy), "miniproject_1")
    assert [(point.epochs, point.minutes, point.single) for point in found] == [
        (1, 1.0, 25.0),
        (2, 2.0, 25.75),
    ]


def study_row(name: str, single: float, spread: float | None = 0.02, seeds: int = 4) -> AblationRow:
    """A row of a made-up study."""
    return AblationRow(name, {}, Spread(single, spread), single + 0.1, seeds)


def test_words_follow_from_numbers() -> None:
    """Significant differences beyond 0.02 dB are named; the largest comes first."""
    base = study_row("shipped", 25.0)
    rows = [base, study_row("a", 24.5), study_row("b", 24.0), study_row("c_d", 25.2)]
    rows += [study_row("e", 25.02), study_row("f", 24.8, 0.2)]
    assert comparisons(base, rows, rows) == ("c_d (+0.20)", "b (−1.00) and a (−0.50)")
    assert comparisons(base, rows, rows[:2]).costs == "a (−0.50)"
    assert comparisons(base, rows[:1], rows).gains == "none of them"
    assert (
        seeds_of([study_row("a", 1, seeds=1), study_row("b", 1, seeds=3)]) == "one to three seeds"
    )


def test_many_comparisons_ask_for_more() -> None:
    """A difference that would be significant alone is not among many: Holm's procedure."""
    base = study_row("base", 25.0)
    one = study_row("one", 25.05)
    assert 0.05 / 20 < chance(one, base) < 0.05
    assert significant(base, [base, one]) == [one]
    level = [study_row(str(number), 25.0) for number in range(19)]
    assert significant(base, [one, *level]) == []
    far = study_row("far", 30.0)
    assert significant(base, [one, *level, far]) == [far]


def test_one_seed_is_as_uncertain_as_a_run_of_the_base() -> None:
    """A single run has no spread of its own: the base's stands for it, with its few degrees."""
    base, one = study_row("base", 25.0, 0.1), study_row("one", 25.3, None, 1)
    error = (0.1**2 + 0.05**2) ** 0.5
    assert chance(one, base) == pytest.approx(2 * float(stats.t(3).sf(0.3 / error)))
    assert significant(study_row("base", 25.0, None, 1), [one]) == []


def test_differences_are_those_of_the_printed_means() -> None:
    """25.137 - 25.074 is 0.063, but who subtracts 25.07 from 25.14 finds 0.07, as is printed."""
    assert printed_gap(study_row("a", 25.137), study_row("b", 25.074)) == pytest.approx(0.07)


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    """A file that is no JSON, or a needed one that is missing, is an error with its path."""
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match=r"a\.json"):
        Results(tmp_path).read("a")
    with pytest.raises(FileNotFoundError, match=r"b\.json"):
        Results(tmp_path).read("b")


def test_complaints_of_latex_are_seen() -> None:
    """An overfull box, an unresolved reference, a fourth page: each is a problem."""
    good = "Underfull \\hbox\nOutput written on Report_1.pdf (3 pages, 1 bytes).\n"
    assert problems(good) == []
    assert problems(good.replace("(3", "(4")) == ["4 pages, expected at most 3"]
    bad = "Overfull \\hbox (1pt too wide)\nLaTeX Warning: Reference `a' undefined.\n"
    assert len(problems(good + bad)) == 2
    assert problems("") == ["no PDF was written"]


def test_a_log_that_is_missing_says_how_to_get_it(tmp_path: Path) -> None:
    """--check before LaTeX has run is one line, which names `make report`."""
    with pytest.raises(SystemExit, match=r"Report_1\.log: no file here; `make report`"):
        report.main(["--check", "--output", str(tmp_path)])


def test_oral_references_resolve() -> None:
    """Twenty-three questions; every `file:line` has on that line what is quoted beside it."""
    text = (REPORT / "ORAL.md").read_text(encoding="utf-8")
    questions = oral.questions(text)
    assert [question.number for question in questions] == list(range(1, 24))
    assert len(re.findall(r"^\*\*\d+\. ", text, re.MULTILINE)) == len(questions)
    assert all(question.answer and question.references for question in questions)
    assert all(question.shown and "make demo" not in question.answer for question in questions)
    assert oral.refreshed(text) == text


def test_a_moved_line_is_found() -> None:
    """A wrong line number is noticed and corrected; a quote that is nowhere is an error."""
    reference = '[`others/engine/metrics.py:{}` "def psnr_pooled("]'
    right = oral.refreshed(reference.format(1))
    assert right != reference.format(1)
    assert oral.refreshed(right) == right
    with pytest.raises(ValueError, match="0 lines"):
        oral.refreshed('[`others/engine/metrics.py:1` "def psnr_of_nothing("]')


def test_an_excerpt_marks_its_line() -> None:
    """The code beside an answer has the quoted line marked, and ends where its file does."""
    path = "others/engine/metrics.py"
    (number,) = oral.lines_with(path, "def psnr_pooled(")
    shown = oral.excerpt(path, number, after=1).splitlines()
    assert [" ".join(line[:6].split()) for line in shown] == [
        f"{number - 2} │",
        f"{number - 1} │",
        f"{number} ▶",
        f"{number + 1} │",
    ]
    assert oral.excerpt(path, 1, after=0).startswith('1    ▶ """')
    last = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    assert len(oral.excerpt(path, last).splitlines()) == 3


def test_pictures_round_trip() -> None:
    """An image in a JSON file is drawn as it was."""
    image = torch.rand(3, 4, 4)
    rows = torch.from_numpy(drawing.pixels(hexadecimal(image), 4).copy()).long()
    assert torch.equal(rows, (image * 255).round().long().permute(1, 2, 0))
