"""What the titles of figures and tables leave open, in sentences.

The reports have captions of their own, with cited sources and measured numbers.
"""

STATED = "Stated: by the submission, for the course's validation set."
OVER_SEEDS = (
    "Of a single pass: mean and standard deviation over seeds, and the difference to the first "
    "row. ∗: significant."
)
PUBLISHED = "Published: the settings of the report that this project started from."

CAPTIONS: dict[str, str] = {  # by the names of `others.report.tables.SOURCES`
    "figure-noise": "Of photographs to train on. Contrast: the largest difference of a clean pixel "
    "to its neighbours.",
    "figure-network": "A block adds to its input what two convolutions with a ReLU between them "
    "make of it.",
    "figure-pictures": "PSNR in dB. L1 and L2: one short training with either loss.",
    "figure-comparison": "The first three on our photographs: an arrow means at least this time; "
    "numbers at the curves are epochs. The last: by each epoch of a training with either loss.",
    "figure-phases": "Weights that meet in the same pixels of a transposed convolution's output "
    "have one shade.",
    "figure-speed": "Left: median, and the range from 10 % to 90 %. Right: PSNR in dB; numbers at "
    "the curves are epochs.",
    "figure-rates": "Of a single pass, trained by SGD. Beyond the best rate, some seeds end at a "
    "constant image.",
    "figure-strip": f"PSNR in dB. {PUBLISHED}",
    "table-TableScoresOne": f"{STATED} Course and photographs: of its published weights, on the "
    "images of that set that are public and on our own.",
    "table-TableScoresTwo": f"{STATED} Photographs: of its published weights, on ours. k: side of "
    "the kernels. ∗: not the prescribed network.",
    "table-TableAblationsOne": OVER_SEEDS,
    "table-TableAblationsTwo": OVER_SEEDS,
    "table-TableNoise": "In shares of the range from black to white: standard deviation, the same "
    "in the tenth of the pixels with the least contrast (flat) and with the most (sharp), "
    "kurtosis, correlation with the right neighbour, and of red with green.",
    "table-TableUnseen": "The PSNR of our noisy images, and what each network gains over its own "
    "noisy images. ×8: with self-ensemble. σ: trained with Gaussian noise.",
    "table-TableTnet": "Here: short trainings on our photographs. Stated: by that report, for the "
    "course's images.",
    "table-TableExact": "Of random layers, against torch in float64.",
    "table-TableFramework": f"Single passes. Ratio: our time over torch.nn's. {PUBLISHED}",
}
