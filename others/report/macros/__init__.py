"""Every number in the text of a report, by the name of its LaTeX macro.

The names stand here as they stand in the texts, so that a search for a macro finds what computes
it: `\\OneDb` of Report_1.tex is `"OneDb"` in submission.py. Values are plain text; document.py
turns all of them into LaTeX. A macro that no text uses is a fault, which a test finds.
"""

from others.report.macros import ablations, measurements, published, speed, submission
from others.report.results import Results

Macros = dict[str, str]
GROUPS = (
    submission.scores,
    submission.course_images,
    submission.networks,
    submission.training_one,
    submission.training_two,
    submission.limits,
    submission.curves,
    published.submissions,
    published.source_report,
    ablations.study_one,
    ablations.study_one_full,
    ablations.augmentation,
    ablations.study_two,
    ablations.study_two_full,
    ablations.study_sgd,
    ablations.clean_targets,
    ablations.frameworks,
    ablations.frameworks_full,
    ablations.first_tries_one,
    ablations.tnet,
    measurements.noise,
    measurements.other_noises,
    measurements.influence,
    measurements.exactness,
    speed.blocks,
    speed.steps,
    speed.on_a_gpu,
    speed.products,
    speed.straightforward,
)


def all_macros(results: Results) -> Macros:
    """The values of all macros by their names.

    Raises:
        FileNotFoundError, ValueError: results are missing or damaged, and the message names their
            file; or two groups define the same macro.
    """
    macros: Macros = {}
    for group in GROUPS:
        found = results.make(group)
        twice = macros.keys() & found.keys()
        if twice:
            raise ValueError(f"two groups define {', '.join(sorted(twice))}; expected one of each")
        macros.update(found)
    return macros
