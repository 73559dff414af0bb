"""Miniproject 2's network trained by Muon: which parts of its training matter.

All rows start from a network with 32 and 96 channels instead of the 128 and 256 that are shipped,
and compute in float32, so that each can be trained three times on any machine. Their loss is that
of the handout, where all images count alike; the shipped one is a row. The best rows of SGD and of
Adam on the same budget stand beside them; sgd.py has the rest of theirs.

A second ablation, FULL, repeats the rows of the loss, of the kernel and of the batch with the
shipped channels and one epoch of as many pairs as the course's, in the precision that the processor
is fastest in.
"""

from typing import Any

from Miniproject_2.framework.training import Settings
from others.networks.prescribed import PLAIN_LOSS
from others.records.study import Row
from others.studies.submission.ablations.prescribed import train
from others.studies.submission.ablations.sgd import SGD
from others.studies.submission.ablations.study import Ablation

ADAM: dict[str, Any] = {"optimizer": "adam", "batch_size": 16}

ROWS: dict[str, Row] = {
    "base": Row(),
    # The other optimizers, each with the best rate of its own ablation
    "SGD": Row(SGD),
    "SGD, rate 4": Row({**SGD, "learning_rate": 4.0}),
    "SGD, batch 8, rate 1": Row({**SGD, "batch_size": 8, "learning_rate": 1.0}),
    "Adam, rate 0.001": Row({**ADAM, "learning_rate": 0.001}),
    "Adam, rate 0.003": Row({**ADAM, "learning_rate": 0.003}),
    "Adam, rate 0.01": Row({**ADAM, "learning_rate": 0.01}),
    # Muon itself. Where its rate differs, the factor keeps the rate of the biases at 2.
    "rate 0.005": Row({"learning_rate": 0.005, "bias_factor": 400.0}),
    "rate 0.01": Row({"learning_rate": 0.01, "bias_factor": 200.0}),
    "rate 0.04": Row({"learning_rate": 0.04, "bias_factor": 50.0}),
    "rate 0.08": Row({"learning_rate": 0.08, "bias_factor": 25.0}),
    "momentum 0.5": Row({"momentum": 0.5}),
    "momentum 0.8": Row({"momentum": 0.8}),
    "momentum 0.9": Row({"momentum": 0.9}),
    "momentum 0.98": Row({"momentum": 0.98}),
    "no Nesterov": Row({"nesterov": False}),
    "1 iteration": Row({"iterations": 1}),
    "3 iterations": Row({"iterations": 3}),
    "10 iterations": Row({"iterations": 10}),
    "inner layers alone": Row({"layers": "inner"}),
    "rate of biases / 10": Row({"bias_factor": 10.0}),
    "rate of biases x 10": Row({"bias_factor": 1000.0}),
    # The batch. Large ones need the shipped warm-up, of 10 steps: the 156 and 78 steps of their
    # trainings would end within the 200 of the base.
    "batch 8": Row({"batch_size": 8}),
    "batch 16": Row({"batch_size": 16}),
    "batch 64, shipped warm-up": Row({"batch_size": 64, "least_warm_up": 10}),
    "batch 128, shipped warm-up": Row({"batch_size": 128, "least_warm_up": 10}),
    # The loss: that of an image is divided by its noise
    "weighted loss": Row({"noise_floor": Settings().noise_floor}),
    # The network
    "kernel 3": Row({"kernel": 3}),
    "kernel 6": Row({"kernel": 6}),
    "channels 64, 192": Row({"channels": [64, 192]}),
    "nearest, 3x3": Row({"nearest": 3}),
    # The rest of the training
    "shipped warm-up": Row({"least_warm_up": 10}),
    "constant rate": Row({"final_rate": 1.0}),
    "no average of weights": Row({"average": 0.0}),
    "no symmetries": Row({"symmetries": False}),
    "no exchange": Row({"exchange": False}),
}

BASE = {"channels": [32, 96], "bfloat16": False, "least_warm_up": 200, **PLAIN_LOSS}
ABLATION = Ablation(ROWS, BASE, pairs=5_000, epochs=2, train=train)
FULL_ROWS = {
    name: ROWS[name]
    for name in ("base", "weighted loss", "kernel 3", "kernel 6", "batch 8", "batch 16")
}
FULL_ROWS["outer kernels 8"] = Row({"outer": 8})  # as in the shipped weights
FULL_ROWS["batch 64"] = Row({"batch_size": 64})
FULL_ROWS["batch 128"] = Row({"batch_size": 128})
FULL = Ablation(FULL_ROWS, PLAIN_LOSS, pairs=50_000, epochs=1, train=train)
