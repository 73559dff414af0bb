"""Tables of trainings: stretch by stretch, by their length, and of a network that was taught."""

from others.records.formats import decimals, plain, whole, with_digits
from others.records.table import Column, Table
from others.report.macros.submission import stretches
from others.report.results import Results, curve_points


def trainings(results: Results, name: str) -> Table:
    """The trainings that led to the weights of others/results/training/`name`.json, in order."""
    rows = []
    for place, log in enumerate(stretches(results.read(f"training/{name}")), 1):
        settings, epochs = log["settings"], plain(log["epochs"])
        if "of_a_schedule_of" in log:
            epochs += f" of a schedule of {plain(log['of_a_schedule_of'])}"
        scores = [
            log["validation"][f"self_ensemble_{key}"]
            for key in ("psnr_per_image_db", "psnr_pooled_db")
        ]
        rate = [settings["batch_size"], settings["learning_rate"]]
        where = log.get("device_name") or "CPU"
        rate[1] = f"{rate[1]} ({log['optimizer']})" if "optimizer" in log else rate[1]
        pairs = [log["pairs"], log.get("targets", 1), log.get("photographs")]
        rows.append([str(place), *pairs, epochs, *rate, where, *scores])
    return Table(
        [
            Column("stretch"),
            Column("inputs", whole),
            Column("targets each", whole),
            Column("photographs", whole),
            Column("epochs", plain),
            Column("batch", whole),
            Column("peak rate", plain),
            Column("on", plain),
            Column("PSNR per image", decimals, "dB"),
            Column("PSNR pooled", decimals, "dB"),
        ],
        rows,
    )


def curve(results: Results, name: str, clock: str = "cpu_seconds") -> Table:
    """PSNR against the length of a training from scratch."""
    rows = [
        [point.epochs, 60 * point.minutes, point.ensemble, point.single]
        for point in curve_points(results, name, clock)
    ]
    title = "seconds of processor time" if clock == "cpu_seconds" else clock
    return Table(
        [
            Column("epochs", plain),
            Column(title, with_digits(decimals, 0)),
            Column("PSNR per image", decimals, "dB"),
            Column("no self-ensemble", decimals, "dB"),
        ],
        rows,
    )


def small_network(results: Results) -> Table:
    """The small network that learns from Miniproject 1, beside it."""
    found, shipped = results.read("training/miniproject_1_small"), results.read("submission")
    scored = {
        "small": (found["parameters"], found["validation"], found["seconds_1000_images"]),
        "Miniproject 1": (
            shipped["rows"]["Miniproject 1"]["parameters"],
            shipped["rows"]["Miniproject 1"],
            found["seconds_1000_images_of_the_teacher"],
        ),
    }
    keys = ("psnr_per_image_db", "self_ensemble_psnr_per_image_db")
    rows = [
        [name, parameters, *(scores[key] for key in keys), seconds]
        for name, (parameters, scores, seconds) in scored.items()
    ]
    columns = [Column("network"), Column("parameters", whole)]
    columns += [Column(name, decimals, "dB") for name in ("a single pass", "self-ensemble")]
    return Table([*columns, Column("seconds, a single pass", decimals)], rows)
