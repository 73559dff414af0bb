"""The reports: what they show is what was measured, and what was not measured is left out."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator

from others.analysis import noise_law
from others.records.paths import RESULTS
from others.report import drawing, figures, oral
from others.report.document import (
    PAGES,
    PDFS,
    REPORT,
    definitions,
    digest,
    digest_of_pdf,
    numbers_tex,
    problems,
    shown,
)
from others.report.results import Results, Row, decimals, power, signed, tex, whole
from others.report.wording import comparisons, enumeration, seeds_of
from others.studies.bench import exactness, straightforward
from others.studies.submission.report_images import hexadecimal

ROOT = REPORT.parent
TEXTS = [REPORT / f"{name}.tex" for name in PDFS]
SWITCH = re.compile(r"\\newif\\if(Has\w+)\\Has\w+?(true|false)\n")
BRANCH = re.compile(r"\\if(Has[A-Za-z]+)|\\(else|fi)(?![A-Za-z])")
TYPED = re.compile(r"\d+[.,]\d+|\d\s*(?:~|\\,)?(?:dB|\\%)|\d{4,}")  # what is measured looks so
CONSTANTS = ("50/255", "2\\,\\%", "10--90\\,\\%")  # of the code, not measured
CHANGED = ["submission", "public", "noise", "pictures", "exploration", "training/miniproject_1"]
CHANGED += ["bench/framework", "bench/exactness", "bench/straightforward"]


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
    assert digest_of_pdf(ROOT / path) == digest(Results())


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
    """A JSON value with one added to every fraction."""
    if isinstance(content, dict):
        return {key: changed(value) for key, value in content.items()}
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


def without_false_switches(text: str, switches: dict[str, bool]) -> str:
    """A text as LaTeX reads it: without the branches that are not taken."""
    kept, taken, start = [], [True], 0
    for match in BRANCH.finditer(text):
        if all(taken):
            kept.append(text[start : match.start()])
        start = match.end()
        if match.group(1):
            taken.append(switches[match.group(1)])
        elif match.group(2) == "else":
            taken[-1] = not taken[-1]
        else:
            taken.pop()
    assert taken == [True], "an \\if without its \\fi"
    return "".join([*kept, text[start:]])


@pytest.mark.parametrize("missing", [[], ["noise", "pictures", "exploration", "bench"]])
def test_every_number_is_defined_or_left_out(missing: list[str], copy: Path) -> None:
    """Whatever has been measured, what is left of the texts uses only numbers that are there."""
    for name in missing:
        path = copy / name
        shutil.rmtree(path) if path.is_dir() else path.with_suffix(".json").unlink()
    defined = definitions(Results(copy))
    switches = {name: value == "true" for name, value in SWITCH.findall(defined)}
    names = set(re.findall(r"\\newcommand{\\(\w+)}", defined))
    for path in TEXTS:
        text = without_false_switches(path.read_text(encoding="utf-8"), switches)
        used = set(re.findall(r"\\([A-Z][a-z]+[A-Z][A-Za-z]+)", text))
        assert len(used) > 20
        assert used <= names, path.name
        shown_figures = set(re.findall(r"\\includegraphics\[[^]]*\]{(\w+)}", text))
        assert shown_figures <= set(shown(Results(copy)))


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


def test_a_curve_adds_a_panel(copy: Path) -> None:
    """Where training time was measured, the comparison has it too, as means over seeds."""
    shutil.rmtree(copy / "curve", ignore_errors=True)
    data = figures.comparison_data(Results(copy))
    assert len(drawing.draw_comparison(data).axes) == 2
    keys = "psnr_per_image_db", "self_ensemble_psnr_per_image_db"
    rows = {
        f"{epochs} epochs": {
            "changes": {"epochs": epochs},
            "seeds": {
                str(seed): {"cpu_seconds": 60.0 * epochs, **dict.fromkeys(keys, score)}
                for seed, score in enumerate(scores)
            },
        }
        for epochs, scores in {1: (25.0,), 2: (25.5, 26.0)}.items()
    }
    (copy / "curve").mkdir()
    (copy / "curve" / "miniproject_1.json").write_text(
        json.dumps({"setting": {"pairs": 50000}, "rows": rows})
    )
    data = figures.comparison_data(Results(copy))
    assert [point["single"] for point in data["curve"]] == [25.0, 25.75]
    assert len(drawing.draw_comparison(data).axes) == 3
    assert "HasCurveOnetrue" in definitions(Results(copy))


def study_row(name: str, single: float, spread: float = 0.02, seeds: int = 4) -> Row:
    """A row of a made-up study."""
    return Row(name, {}, single, spread, single + 0.1, seeds)


def test_words_follow_from_numbers() -> None:
    """A difference counts beyond two standard errors and 0.02 dB; the largest is named first."""
    rows = [study_row("shipped", 25.0), study_row("a", 24.5), study_row("b", 24.0)]
    rows += [study_row("c_d", 25.2), study_row("e", 25.02), study_row("f", 24.8, 0.2)]
    found = comparisons(rows)
    assert found["Costs"] == r"b ($-$1.00) and a ($-$0.50)"
    assert found["Gains"] == r"c\_d ($+$0.20)"
    assert found["Equals"] == r"f ($-$0.20) and e ($+$0.02)"
    assert comparisons(rows[:1])["Gains"] == "none of them"
    assert enumeration(["1", "2", "3"]) == "1, 2 and 3"
    assert (
        seeds_of([study_row("a", 1, seeds=1), study_row("b", 1, seeds=3)]) == "one to three seeds"
    )


def test_numbers_as_latex() -> None:
    """Minus signs, thin spaces, powers of ten and special characters are LaTeX's."""
    assert decimals(-0.126) == "$-$0.13"
    assert decimals(-0.001) == "0.00"
    assert signed(0.5) == "$+$0.50"
    assert whole(1234567) == r"1\,234\,567"
    assert power(0.00021) == r"$2.1\cdot10^{-4}$"
    assert tex("5 % of σ_1") == r"5 \% of $\sigma$\_1"


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    """A file that is no JSON, or a needed one that is missing, is an error with its path."""
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match=r"a\.json"):
        Results(tmp_path).get("a")
    with pytest.raises(FileNotFoundError, match=r"b\.json"):
        Results(tmp_path).need("b")
    (tmp_path / "old.pdf").write_bytes(b"%PDF-1.5")
    with pytest.raises(ValueError, match="make report"):
        digest_of_pdf(tmp_path / "old.pdf")


def test_complaints_of_latex_are_seen() -> None:
    """An overfull box, an unresolved reference, a fourth page: each is a problem."""
    good = "Underfull \\hbox\nOutput written on Report_1.pdf (3 pages, 1 bytes).\n"
    assert problems(good) == []
    assert problems(good.replace("(3", "(4")) == ["4 pages, expected at most 3"]
    bad = "Overfull \\hbox (1pt too wide)\nLaTeX Warning: Reference `a' undefined.\n"
    assert len(problems(good + bad)) == 2
    assert problems("") == ["no PDF was written"]


def test_oral_references_resolve() -> None:
    """Ten questions; every `file:line` of ORAL.md has on that line what is quoted beside it."""
    text = (REPORT / "ORAL.md").read_text(encoding="utf-8")
    questions = re.split(r"\n\*\*\d+\. ", text)[1:]
    assert len(questions) == 10
    assert all(oral.REFERENCE.search(question) for question in questions)
    assert oral.unresolved(text) == []
    assert oral.refreshed(text) == text


def test_a_moved_line_is_found() -> None:
    """A wrong line number is noticed and corrected; a quote that is nowhere is an error."""
    reference = '[`others/engine/metrics.py:{}` "def psnr_pooled("]'
    right = oral.refreshed(reference.format(1))
    assert oral.unresolved(reference.format(1))
    assert oral.unresolved(right) == []
    with pytest.raises(ValueError, match="0 lines"):
        oral.refreshed('[`others/engine/metrics.py:1` "def psnr_of_nothing("]')


def test_the_law_of_a_known_noise() -> None:
    """White normal noise has no mean, no correlation, kurtosis 3, and no taste for edges."""
    generator = Generator().manual_seed(0)
    clean = torch.rand(200, 3, 16, 16, generator=generator) * 0.5 + 0.25
    one, two = (clean + 0.1 * torch.randn(clean.shape, generator=generator) for _ in range(2))
    found = noise_law.measure(one, two, clean)
    assert found["std"] == pytest.approx(0.1, rel=0.02)
    assert abs(found["mean"]) < 0.001
    assert found["kurtosis"] == pytest.approx(3, rel=0.05)
    assert found["tail"] == pytest.approx(0.0027, rel=0.2)
    assert all(abs(value) < 0.02 for value in found["correlations"].values())
    assert all(group["share"] == pytest.approx(0.1, rel=0.1) for group in found["by_contrast"])
    bins = found["histogram"]
    assert sum(bins["density"]) * bins["step"] == pytest.approx(1, abs=1e-4)


def test_contrast_by_hand() -> None:
    """The contrast of a pixel is its largest difference to a neighbour."""
    image = torch.tensor([[0.0, 0.0, 0.4], [0.0, 0.1, 0.4]]).expand(1, 3, 2, 3)
    expected = torch.tensor([[0.0, 0.4, 0.4], [0.1, 0.3, 0.3]])
    assert torch.allclose(noise_law.contrast(image)[0], expected)


def test_exactness_of_a_few_layers() -> None:
    """Ours agree with torch to rounding, and a wrong gradient would be seen."""
    for kind in ("Conv2d", "TransposeConv2d", "Upsampling"):
        found = exactness.worst(kind, 3)
        assert max(found["float64"]["ours"].values()) < 1e-14
        assert max(found["float32"]["ours"].values()) < 1e-5
    exact = torch.ones(3).double()
    assert exactness.error(exact * 1.5, exact) == pytest.approx(0.5)


def test_both_ways_compute_the_same_shapes() -> None:
    """The straightforward way runs for each case, and the counts are those of the docstring."""
    for make, case in (
        (straightforward.convolution_steps, straightforward.CONVOLUTION),
        (straightforward.nearest_steps, straightforward.NEAREST),
    ):
        small = case._replace(inputs=2, outputs=2)
        for step in make(small):
            step()
    counts = straightforward.counts()["Upsampling, k3"]
    assert counts["products_of_the_enlarged"] / counts["products"] == 36 / 16


def test_pictures_round_trip() -> None:
    """An image in a JSON file is drawn as it was."""
    image = torch.rand(3, 4, 4)
    rows = torch.tensor(drawing.pixels(hexadecimal(image), 4))
    assert torch.equal(rows, (image * 255).round().long().permute(1, 2, 0))
