"""What public submissions to the course state, and what their published weights give here."""

from others.records.formats import decimals, plain
from others.report.results import Results


def submissions(results: Results) -> dict[str, str]:
    """Public submissions: the best of Miniproject 1, and the rates and speeds of Miniproject 2."""
    found = results.read("public")
    own = results.read("submission")["rows"]["Miniproject 1"]
    best = max(found["miniproject_1"], key=lambda row: row["psnr_per_image_db"])
    course = results.read("course")["rows"]["Miniproject 1"]["self_ensemble_psnr_per_image_db"]
    here = best["psnr_per_image_db"]
    rates, speed = found["small_rates"], found["speed"]
    return {
        "OnePublicBestName": best["network"],
        "OnePublicBestCourse": decimals(best["course_psnr_per_image_db"]),
        "OnePublicBestSeconds": plain(best["seconds"]),
        "OneOverPublic": decimals(own["self_ensemble_psnr_per_image_db"] - here),
        "OneSingleOverPublic": decimals(own["psnr_per_image_db"] - here),
        "OneOverPublicCourse": decimals(course - best["course_psnr_per_image_db"]),
        "OneOverPublicTimes": decimals(own["parameters"] / best["parameters"], 1),
        "PublicSmallRate": plain(rates["rate"]),
        "PublicSmallLow": decimals(rates["low_psnr_per_image_db"], 1),
        "PublicSmallHigh": decimals(rates["high_psnr_per_image_db"], 0),
        "PublicConstant": decimals(rates["constant_psnr_per_image_db"], 1),
        "PublicSlowLow": plain(speed["low"]),
        "PublicSlowHigh": plain(speed["high"]),
    }


def source_report(results: Results) -> dict[str, str]:
    """The report that Miniproject 2 starts from: its rate, what it reached, how slow it was."""
    source = results.read("public")["source_report"]
    return {
        "SourceRate": plain(source["rate"]),
        "SourceOwnDb": plain(source["own_psnr_per_image_db"]),
        "SourceTorchDb": plain(source["torch_psnr_per_image_db"]),
        "SourceTransposedDb": plain(source["torch_transposed_psnr_per_image_db"]),
        "SourceSlower": plain(source["own_minutes"] / source["torch_minutes"]),
    }
