"""What the results of the bias-free studies say: verdicts, comparisons, and tables of both.

Where a cell of a table has several figures, it is a text.
"""

import statistics
from typing import Any

from others.records.estimates import estimate, verdict
from others.records.formats import decimals, plain, signed, whole
from others.records.table import Column, Table
from others.studies.biasfree.advice import MEASURES, PLAIN, ROWS, Claim

Result = dict[str, Any]
Scores = dict[str, dict[str, float]]  # of one model: by σ, and then by the name of a quantity

TWINS = {"bias_free": False, "with_biases": True}  # by name, whether a network has biases
SIGMAS = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80)  # of the noise in the table of noise and error
SOURCE = {  # the source's own table: mean absolute errors of the noisy and of the denoised images
    1: (0.65, 4.33),
    5: (3.50, 3.39),
    10: (6.44, 5.19),
    20: (13.22, 6.60),
    30: (19.84, 8.46),
    40: (27.02, 12.95),
    50: (30.59, 15.06),
    60: (34.34, 17.81),
    70: (40.64, 22.36),
    80: (45.68, 27.99),
}

WITHIN, BEYOND = range(1, 81), (100, 125, 150)  # σ at which a blind denoiser is to gain something
PAPERS_SIGMAS = (15, 25, 50)  # of the noise in the table after the papers' convention
# The numbers of CBSD68, the usual test set of papers, among the test images of BSDS300: the list in
# K. Zhang's repository of "IRCNN" (CVPR 2017), who is an author of the papers below.
NUMBERS = (
    101085, 101087, 102061, 103070, 105025, 106024, 108005, 108070, 108082, 109053, 119082,
    12084, 123074, 126007, 130026, 134035, 14037, 143090, 145086, 147091, 148026, 148089,
    157055, 159008, 160068, 16077, 163085, 167062, 167083, 170057, 175032, 175043, 182053,
    189080, 19021, 196073, 197017, 208001, 210088, 21077, 216081, 219090, 220075, 223061,
    227092, 229036, 236037, 24077, 241004, 241048, 253027, 253055, 260058, 271035, 285079,
    291000, 295087, 296007, 296059, 299086, 300091, 302008, 304034, 304074, 306005, 3096, 33039,
    351093,
)  # fmt: skip
CBSD68 = frozenset(map(str, NUMBERS))
# PSNR per image in dB at these σ on CBSD68, as published. Blind: one network that is not told σ.
PUBLISHED = {
    # Zhang et al., "Beyond a Gaussian denoiser", IEEE Transactions on Image Processing, 2017
    "CDnCNN-B, published (blind)": (33.89, 31.23, 27.92),
    # Zhang, Zuo and Zhang, "FFDNet", IEEE Transactions on Image Processing, 2018
    "FFDNet, published (told σ)": (33.87, 31.21, 27.96),
    # Zhang et al., "Plug-and-play image restoration with deep denoiser prior", IEEE Transactions
    # on Pattern Analysis and Machine Intelligence, 2021
    "DRUNet, published (told σ)": (34.30, 31.69, 28.51),
}


def judged(results: Result) -> dict[str, Result]:
    """What the rows of the study of the source's advice gain over the plain row, and what it says.

    Differences are taken seed by seed: both runs of a seed start alike, which makes the difference
    less random than either. Rows that the table of advice has no longer are left out.

    Args:
        results: of `others.studies.biasfree.ablation`, as its file has them.

    Returns:
        For each row but the plain one: the number of `seeds`, for each measure the mean `gain` with
        its 95 % `confidence`, how many `times_` the processor time and the parameters, and the
        `claims` with their verdicts.
    """
    plain = results["rows"].get(PLAIN, {"seeds": {}})["seeds"]
    found: dict[str, Result] = {}
    for name, row in results["rows"].items():
        pairs = [(row["seeds"][seed], plain[seed]) for seed in row["seeds"] if seed in plain]
        if name != PLAIN and name in ROWS and pairs:
            found[name] = compared(pairs, ROWS[name].claims)
    return found


def compared(pairs: list[tuple[Result, Result]], claims: tuple[Claim, ...]) -> Result:
    """One entry of `judged`, from the runs of a row and the plain runs of the same seeds."""
    line: Result = {"seeds": len(pairs)}
    for measure in MEASURES:
        gain = estimate([run[measure] - plain[measure] for run, plain in pairs])
        line[measure] = {"gain": round(gain.mean, 3), "confidence": round(gain.confidence, 3)}
    for cost in ("cpu_seconds", "parameters"):
        ratio = statistics.fmean(run[cost] / plain[cost] for run, plain in pairs)
        line[f"times_{cost}"] = round(ratio, 2)
    line["claims"] = []
    for claim in claims:
        gain, confidence = line[claim.measure]["gain"], line[claim.measure]["confidence"]
        says = verdict(gain if claim.higher else -gain, confidence)
        line["claims"].append({"claim": claim.number, "text": claim.text, "verdict": says})
    return line


def advice_table(results: Result) -> Table:
    """A line for each row of the study of the source's advice: gains, costs and verdicts."""
    headers = ("σ as trained, dB", "σ beyond, dB", "early, dB", "worst, levels")
    headers += ("time", "parameters")
    lines = []
    for name, line in judged(results).items():
        gains = [f"{signed(line[m]['gain'])} ± {line[m]['confidence']:.2f}" for m in MEASURES]
        costs = [f"x {line[f'times_{cost}']:.2f}" for cost in ("cpu_seconds", "parameters")]
        claims = "; ".join(f"{c['claim']}, {c['text']}: {c['verdict']}" for c in line["claims"])
        lines.append([name, *gains, *costs, claims])
    columns = [Column("row"), *(Column(header, plain) for header in headers), Column("claims")]
    return Table(columns, lines)


def scores_of(results: Result) -> dict[str, Scores]:
    """The scores of each model in the results of `others.studies.biasfree.noise_table`."""
    return {name: row["seeds"]["0"] for name, row in results["rows"].items()}


def findings(results: Result) -> dict[str, Result]:
    """For each model: at which σ it is worse than its input, and its error over the source's.

    The latter is the mean ratio of the errors over the σ where the source's model is better than
    its own input. At σ = 1 it is worse, and any model is far below it.
    """
    rows = scores_of(results)
    noisy = rows.pop("noisy")
    comparable = [s for s, (before, after) in SOURCE.items() if after < before]
    found = {}
    for name, row in rows.items():
        worse = [s for s in SIGMAS if row[str(s)]["mae"] >= noisy[str(s)]["mae"]]
        ratio = statistics.fmean(row[str(s)]["mae"] / SOURCE[s][1] for s in comparable)
        found[name] = {"worse_than_input_at": worse, "mae_over_source": round(ratio, 3)}
    return found


def findings_in_words(results: Result) -> list[str]:
    """What stands under the table of noise and error: a sentence for each model."""
    lines = []
    for name, found in findings(results).items():
        worse = ", ".join(map(str, found["worse_than_input_at"]))
        where = f"worse than its input at σ = {worse}" if worse else "never worse than its input"
        ratio = f"{found['mae_over_source']:.2f} times the source's error on its own images"
        lines.append(f"{name} is {where}, and its mean error is {ratio}.")
    return lines


def error_table(results: Result) -> Table:
    """A line for each noise level: the error of each model in grey levels, and its PSNR."""
    rows = scores_of(results)
    lines = []
    for sigma in SIGMAS:
        cells = [row[str(sigma)] for row in rows.values()]
        ours = [f"{cell['mae']:.2f} ({cell['psnr_per_image_db']:.2f} dB)" for cell in cells]
        lines.append([str(sigma), *ours, *(f"{value:.2f}" for value in SOURCE[sigma])])
    names = (*rows, "source, noisy", "source, denoised")
    return Table([Column("σ"), *(Column(name, plain) for name in names)], lines)


def papers_table(results: Result) -> Table:
    """A line for each model, and for each published one: PSNR per image in dB at each σ.

    On CBSD68, if all of its images were measured, and on all images that were.
    """
    sets = {"CBSD68": "cbsd68_db", f"all {results['setting']['images']}": "psnr_per_image_db"}
    rows: list[list[Any]] = [
        [name, *(row[str(sigma)].get(key) for key in sets.values() for sigma in PAPERS_SIGMAS)]
        for name, row in scores_of(results).items()
    ]
    rows += [[name, *values, None, None, None] for name, values in PUBLISHED.items()]
    columns = [
        Column(f"{title}, σ = {sigma}", decimals, "dB") for title in sets for sigma in PAPERS_SIGMAS
    ]
    return Table([Column("PSNR per image"), *columns], rows)


def claims_table(results: Result) -> Table:
    """A line for each blind denoiser: its gains in PSNR, and the processor time of a large image.

    The least gain within σ = 1 to 80, and the gains beyond under the papers' convention.
    """
    rows = []
    for name, found in scores_of(results).items():
        gains: Any = found["gain_db"]
        least = [min(gains[key][str(sigma)] for sigma in WITHIN) for key in ("file", "papers")]
        beyond = [gains["papers"][str(sigma)] for sigma in BEYOND]
        rows.append([name, *least, *beyond, found["cpu_seconds"]])
    headers = ["least, as in a file", "least, as in papers", *(f"σ = {sigma}" for sigma in BEYOND)]
    columns = [Column(header, decimals, "dB") for header in headers]
    return Table([Column("gain"), *columns, Column("3000×2000 pixels", whole, "s")], rows)
