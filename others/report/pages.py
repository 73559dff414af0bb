"""The pages of Markdown whose tables come from results: which tables each README file has."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import Any, Callable

from others.files.kinds import EIGHT, KINDS, SIXTEEN
from others.records.formats import Spread, decimals, plain, power, spread, whole, with_digits
from others.records.paths import RESULTS, ROOT
from others.records.table import Column, Table, markdown, of_rows
from others.report import tables
from others.report.results import Results, block_times, network_steps
from others.report.tables import quantiles
from others.report.trainings import curve, small_network, trainings
from others.studies.assignment.bonus import bonus_section
from others.studies.assignment.scores import early_section, score_table
from others.studies.biasfree.judgement import (
    TWINS,
    advice_table,
    claims_table,
    error_table,
    papers_table,
)
from others.studies.submission.models import table as printed_table
from others.studies.tnet.tables import page_tables

RANGE = (quantiles, Column("10 %–90 %", plain))  # of a table's measured ratios
PageTables = Callable[[Results], Mapping[str, str]]  # the text of each table of a page
Maker = Callable[[Results], Any]  # of a Table, or of a text

TITLES = {"exif": "EXIF", "xmp": "XMP", "profile": "colour profile"}  # of extras of image files
GENERALISATIONS = {  # files of others/results/biasfree/generalisation, by the rows' names
    "chain": "generalisation_chain",
    "plain": "generalisation_plain",
    "plain, 12 blocks": "generalisation_plain_deep",
    "normalised": "generalisation",
    "normalised, 12 blocks": "generalisation_deep",
}


def printed_by_make_run(results: Results) -> str:
    """What `make run` printed for generated images."""
    found = results.read("generated")
    above = f"data/val_data.pkl: {found['images']} images of 32x32"
    below = "out/denoised.png: noisy, denoised by each model, clean"
    return "\n".join(["```", above, printed_table(found["rows"]), below, "```"])


def training_steps(results: Results) -> Table:
    """Whole training steps of the framework over torch.nn: time and peak memory."""
    on_a_gpu = network_steps(results, "framework_gpu_exact")
    avx2 = network_steps(results, "framework_avx2")
    return of_rows(
        (row for by_batch in network_steps(results).values() for row in by_batch.values()),
        ("kind", Column("network")),
        ("batch", Column("batch", whole)),
        ("ratio", Column("time", decimals)),
        RANGE,
        (
            lambda row: avx2.get(row["kind"], {}).get(row["batch"], {}).get("ratio"),
            Column("AVX2", decimals),
        ),
        (lambda row: row["ours_mib"] / row["torch_mib"], Column("peak memory", decimals)),
        (
            lambda row: on_a_gpu[row["kind"]][row["batch"]]["ratio"],
            Column("time on a GPU", decimals),
        ),
    )


def steps_on_a_gpu(results: Results) -> Table:
    """Whole training steps of the framework over torch.nn on a GPU: time and peak memory.

    A column has torch with its own rounding, the next one torch without it.
    """
    exact = network_steps(results, "framework_gpu_exact")
    rows = [
        {**row, "exact": exact[kind][batch]["ratio"]}
        for kind, by_batch in network_steps(results, "framework_gpu").items()
        for batch, row in by_batch.items()
    ]
    return of_rows(
        rows,
        ("kind", Column("network")),
        ("batch", Column("batch", whole)),
        ("ratio", Column("time, torch in TF32", decimals)),
        RANGE,
        ("exact", Column("time, torch in float32", decimals)),
        (lambda row: row["ours_mib"] / row["torch_mib"], Column("peak memory", decimals)),
    )


def blocks(results: Results) -> Table:
    """Each block of the framework over torch.nn, forward and backward together: time."""
    rows = (parts["both"] for parts in block_times(results).values())
    return of_rows(rows, ("name", Column("block")), ("ratio", Column("time", decimals)), RANGE)


def products(results: Results) -> Table:
    """A product of matrices alone over torch's convolution of as many multiplications."""
    return of_rows(
        results.read("bench/products")["rows"],
        ("name", Column("layer")),
        ("type", Column("type")),
        ("ratio", Column("time", decimals)),
        RANGE,
        ("product_gflops", Column("product", whole, "GFLOP/s")),
        ("convolution_gflops", Column("torch's convolution", whole, "GFLOP/s")),
    )


def straightforward(results: Results) -> Table:
    """Plain fold and unfold over the framework's way on batches: time."""
    return of_rows(
        results.read("bench/straightforward")["rows"],
        ("name", Column("layer")),
        ("straightforward_ms", Column("fold and unfold", with_digits(decimals, 0), "ms")),
        ("ours_ms", Column("ours", with_digits(decimals, 0), "ms")),
        ("ratio", Column("ratio", decimals)),
        RANGE,
    )


def channels_last(results: Results) -> Table:
    """The networks of `others.denoise` in channels-last over the usual format: time, difference."""
    return of_rows(
        results.read("bench/channels_last")["rows"],
        ("name", Column("network")),
        ("ratio", Column("time", decimals)),
        RANGE,
        ("difference", Column("difference", power)),
    )


def image_files(results: Results) -> Table:
    """Reading and writing of image files, over the bare libraries."""
    return of_rows(
        results.read("bench/image_files")["rows"],
        ("name", Column("kind")),
        ("read", Column("reading", decimals)),
        ("read_ms", Column("time", whole, "ms")),
        (lambda row: row.get("write"), Column("writing", decimals)),
        (lambda row: row.get("write_ms"), Column("time", whole, "ms")),
    )


def memory(results: Results) -> Table:
    """Page faults and time of a training step, with and without keeping freed memory."""
    milliseconds = Column("time of a step", with_digits(decimals, 0), "ms")
    return of_rows(
        results.read("bench/memory")["rows"],
        ("who", Column("framework")),
        (lambda row: "yes" if row["kept"] else "no", Column("memory kept", plain)),
        ("faults", Column("page faults a step", whole)),
        (lambda row: 1000 * row["seconds"], milliseconds),
    )


def generalisation(results: Results) -> Table:
    """Bias-free networks and their twins, trained on little noise: a pair of rows for each."""
    studies = {
        title: results.read(f"biasfree/generalisation/{name}")
        for title, name in GENERALISATIONS.items()
    }
    noisy = next(iter(studies.values()))["rows"]["noisy"]
    rows = [["noisy", *(Spread(cell["psnr_per_image_db"]) for cell in noisy.values())]]
    for title, found in studies.items():
        for kind in TWINS:
            cells = [
                Spread(
                    cell["psnr_per_image_db"],
                    cell["psnr_per_image_std_db"] if found["seeds"] > 1 else None,
                )
                for cell in found["rows"][kind].values()
            ]
            seeds = "" if found["seeds"] > 1 else " (one seed)"
            rows.append([f"{title}, {kind.replace('_', ' ')}{seeds}", *cells])
    return Table([Column("σ"), *(Column(sigma, spread) for sigma in noisy)], rows)


def other_noises(results: Results) -> Table:
    """Miniproject 1 on noises that the course's pairs do not have: PSNR per image in dB."""
    unseen = results.read("unseen")
    found, worse = unseen["rows"], unseen["made_worse"]
    models = list(next(iter(found.values())))
    rows = [
        [noise, *(row[model] for model in models), 100 * worse[noise]["shipped"]]
        for noise, row in found.items()
    ]
    columns = [Column("PSNR per image, dB"), *(Column(model, decimals) for model in models)]
    return Table([*columns, Column("made worse", with_digits(decimals, 0), "%")], rows)


def own_errors(results: Results, name: str) -> Table:
    """The table of noise and error of other models, without the source's columns."""
    table = error_table(results.study(f"biasfree/{name}"))
    return table.select([column.header for column in table.columns[:-2]])


def masks(results: Results) -> Table:
    """The Jacobian of the bias-free network and of Miniproject 1's: means over images."""
    rows = []
    for name in ("biasfree_12", "miniproject_1"):
        for sigma, row in results.read(f"biasfree/jacobian/jacobian_{name}")["rows"].items():
            parts = ("sum", "clipped", "area", "own", "dimension", "bias")
            rows.append([name, sigma, *(Spread(row[p]["mean"], row[p]["std"]) for p in parts)])
    headers = ("sum of a mask", "where noise is clipped", "area, pixels", "own weight")
    headers = (*headers, "dimension", "bias, grey levels")
    columns = [Column(""), Column("σ", plain), *(Column(header, spread) for header in headers)]
    return Table(columns, rows)


def kinds_of_files(_: Results) -> Table:
    """What `others.denoise` reads and writes: bits, modes and extras of each kind of file."""
    rows = []
    for kind in KINDS:
        modes = [
            " ".join(sorted(mode.removesuffix(";16") for mode in kind.modes & all_modes))
            for all_modes in (EIGHT, SIXTEEN)
        ]
        kept = ", ".join([*(TITLES.get(name, name) for name in sorted(kind.extras)), *kind.own])
        bits = " ".join(map(str, kind.bits))
        rows.append([" ".join(kind.suffixes), bits, *modes, kept])
    headers = ("kind", "bits read", "written with 8 bits", "written with 16 bits", "kept beside")
    return Table([Column(header) for header in headers], rows)


def packages(_: Results) -> str:
    """How all that `others/` needs is installed where no Makefile does it."""
    files = (ROOT / "requirements.txt", ROOT / "requirements-others.txt")
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    needed = [line.split()[0] for line in lines if not line.startswith("-r ")]
    command = " \\\n    ".join(wrap(f"pip install {' '.join(needed)}", 120))
    return f"```\n{command}\n```"


def deblurring(results: Results) -> Table:
    """Deblurring with a denoiser as the prior: PSNR of each way at each noise level."""
    found = results.read("biasfree/deblurring/deblurring")["rows"]
    ways = list(next(iter(found.values())))
    rows = [
        [sigma, *(Spread(row[way]["mean_db"], row[way]["std_db"]) for way in ways)]
        for sigma, row in found.items()
    ]
    return Table([Column("σ of the noise", plain), *(Column(way, spread) for way in ways)], rows)


def of_trainings(make: Callable[..., Table]) -> dict[str, Maker]:
    """Three tables by `make`: of both miniprojects, and of Miniproject 2 trained by SGD."""
    names = ("miniproject_1", "miniproject_2", "miniproject_2_sgd")
    return {name.replace("_", " "): partial(make, name=name) for name in names}


def each(makers: Mapping[str, Maker]) -> PageTables:
    """A page with a table by each of these."""

    def texts(results: Results) -> dict[str, str]:
        made = {name: make(results) for name, make in makers.items()}
        return {
            name: markdown(one) if isinstance(one, Table) else one for name, one in made.items()
        }

    return texts


PAGES: dict[Path, PageTables] = {
    ROOT / "README.md": each(
        {
            "submission": partial(tables.scores, file="submission"),
            "course": partial(tables.scores, file="course"),
            "generated": printed_by_make_run,
            "framework": training_steps,
        }
    ),
    ROOT / "others" / "README.md": each({"packages": packages, "image files": kinds_of_files}),
    RESULTS / "README.md": each({"noise laws": tables.noise_laws, "other noises": other_noises}),
    RESULTS / "ablations" / "README.md": each(
        {
            **of_trainings(tables.ablations),
            "miniproject 1 at length": partial(tables.ablations, name="miniproject_1_long"),
            "miniproject 1 full": partial(tables.ablations, name="miniproject_1_full"),
            "miniproject 2 full": partial(tables.ablations, name="miniproject_2_full"),
            "frameworks": tables.frameworks,
            # Both frameworks did not train in turns here, so that a ratio of times says nothing.
            "frameworks full": lambda results: tables.frameworks(results, "frameworks_full").select(
                ["settings", "ours", "torch.nn"]
            ),
        }
    ),
    RESULTS / "assignment" / "README.md": each(
        {
            "scores": lambda results: score_table(results.study("assignment/short")),
            "early": lambda results: early_section(results.folder / "assignment" / "early.json"),
            "bonus": lambda results: bonus_section(results.folder / "assignment" / "bonus.json"),
        }
    ),
    RESULTS / "bench" / "README.md": each(
        {
            "steps": training_steps,
            "steps on a gpu": steps_on_a_gpu,
            "blocks": blocks,
            "products": products,
            "straightforward": straightforward,
            "channels last": channels_last,
            "image files": image_files,
            "memory": memory,
            "exactness": tables.exactness,
        }
    ),
    RESULTS / "biasfree" / "README.md": each(
        {
            "noise levels": lambda results: error_table(results.study("biasfree/table")),
            "papers": lambda results: papers_table(results.study("biasfree/papers")),
            "claims": lambda results: claims_table(results.study("biasfree/claims")),
            "pruning": partial(own_errors, name="pruning"),
            "grey": partial(own_errors, name="grey"),
            "generalisation": generalisation,
            "masks": masks,
            "deblurring": deblurring,
            "advice": lambda results: advice_table(results.study("biasfree/ablation")),
        }
    ),
    RESULTS / "curve" / "README.md": each(
        {
            **of_trainings(curve),
            "on a gpu": partial(curve, name="miniproject_1_gpu", clock="seconds"),
        }
    ),
    RESULTS / "tnet" / "README.md": lambda results: page_tables(results.folder / "tnet"),
    RESULTS / "training" / "README.md": each(
        {**of_trainings(trainings), "small network": small_network}
    ),
}
