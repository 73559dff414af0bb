"""Miniproject 2's network trained by SGD: above all its rate, for several batches and momenta.

SGD is the optimizer of the handout. The submission is trained by Muon, which has an ablation of its
own in muon.py.

The loss is a mean over all 3,072 elements of an image, so its gradient is 3,072 times smaller than
that of a sum, and the learning rate has to make up for it. A momentum of m adds up about
1 / (1 - m) gradients, so plain SGD needs a rate that is larger by this factor.

All rows start from a network with 32 and 96 channels instead of the 128 and 256 that are shipped,
so that each can be trained three times; a row has the latter. All compute in float32, whatever the
processor supports, and all images count alike, as in the handout's loss.

A second ablation, FRAMEWORKS, trains the same network on our framework and on torch.nn. The two
rows of each pair share the training loop, the initial weights, the batches and the settings. They
differ only in who computes the forward and backward passes.

The published settings are those of a student report of 2022 (Brown, Briand, de Schoulepnikoff,
EE-559): 32 and 64 channels, nearest-neighbour upsampling with 3x3 convolutions, and plain SGD
without augmentation. After 8 epochs it states 20.6 dB with its own framework, 20.4 dB with
torch.nn, and 21.4 dB with torch.nn and transposed convolutions. It does not state its batch size.

The settings called good are tried with 64 and 192 channels and in float32, so that any two cores
can afford it.
"""

from typing import Any

from others.networks.prescribed import PLAIN_LOSS
from others.records.study import Row
from others.studies.submission.ablations.prescribed import train
from others.studies.submission.ablations.study import Ablation

# The 78 steps of this training would end within the base's warm-up of 200, a third of its own.
LARGE: dict[str, Any] = {"batch_size": 128, "least_warm_up": 25}
ROWS: dict[str, Row] = {
    "base": Row(),
    # The network: the size of its kernels, and its channels; the last ones are shipped
    "kernel 2": Row({"kernel": 2}),
    "kernel 3": Row({"kernel": 3}),
    "kernel 6": Row({"kernel": 6}),
    "channels 16, 48": Row({"channels": [16, 48]}),
    "channels 64, 64": Row({"channels": [64, 64]}),
    "channels 64, 192": Row({"channels": [64, 192]}),
    "channels 128, 256": Row({"channels": [128, 256]}),
    # Nearest-neighbour upsampling and a convolution instead of the transposed convolution
    "nearest, 3x3": Row({"nearest": 3}),
    "nearest, 3x3, rate 0.5": Row({"nearest": 3, "learning_rate": 0.5}),
    "nearest, 5x5": Row({"nearest": 5}),
    "nearest, 5x5, rate 0.5": Row({"nearest": 5, "learning_rate": 0.5}),
    # The learning rate at the base's batch and momentum
    "rate 0.01": Row({"learning_rate": 0.01}),
    "rate 0.1": Row({"learning_rate": 0.1}),
    "rate 0.5": Row({"learning_rate": 0.5}),
    "rate 1": Row({"learning_rate": 1.0}),
    "rate 4": Row({"learning_rate": 4.0}),
    "rate 8": Row({"learning_rate": 8.0}),
    # The learning rate for smaller and for larger batches
    "batch 8, rate 0.5": Row({"batch_size": 8, "learning_rate": 0.5}),
    "batch 8, rate 1": Row({"batch_size": 8, "learning_rate": 1.0}),
    "batch 8, rate 2": Row({"batch_size": 8, "learning_rate": 2.0}),
    "batch 128, warm-up 25, rate 2": Row({**LARGE, "learning_rate": 2.0}),
    "batch 128, warm-up 25, rate 4": Row({**LARGE, "learning_rate": 4.0}),
    "batch 128, warm-up 25, rate 8": Row({**LARGE, "learning_rate": 8.0}),
    # The learning rate of plain SGD
    "no momentum, rate 0.01": Row({"momentum": 0.0, "learning_rate": 0.01}),
    "no momentum, rate 0.1": Row({"momentum": 0.0, "learning_rate": 0.1}),
    "no momentum, rate 1": Row({"momentum": 0.0, "learning_rate": 1.0}),
    "no momentum, rate 5": Row({"momentum": 0.0, "learning_rate": 5.0}),
    "no momentum, rate 10": Row({"momentum": 0.0, "learning_rate": 10.0}),
    "no momentum, rate 20": Row({"momentum": 0.0, "learning_rate": 20.0}),
    # The learning rate of Adam, which scales each step by the size of its gradients
    "Adam, rate 0.0003": Row({"optimizer": "adam", "learning_rate": 3e-4}),
    "Adam, rate 0.001": Row({"optimizer": "adam", "learning_rate": 1e-3}),
    "Adam, rate 0.003": Row({"optimizer": "adam", "learning_rate": 3e-3}),
    "Adam, rate 0.01": Row({"optimizer": "adam", "learning_rate": 1e-2}),
    "Adam, rate 0.02": Row({"optimizer": "adam", "learning_rate": 2e-2}),
    "Adam, rate 0.03": Row({"optimizer": "adam", "learning_rate": 3e-2}),
    # The rest of the training
    "constant rate": Row({"final_rate": 1.0}),
    "no average of weights": Row({"average": 0.0}),
    "no symmetries": Row({"symmetries": False}),
    "no exchange": Row({"exchange": False}),
    "no augmentation": Row({"exchange": False, "symmetries": False}),
}


# SGD's best rate is close to the cliff, so it rises slowly.
SGD = {
    "optimizer": "sgd",
    "batch_size": 16,
    "learning_rate": 2.0,
    "momentum": 0.9,
    "least_warm_up": 200,
}
BASE = {"channels": [32, 96], "bfloat16": False, **PLAIN_LOSS, **SGD}
ABLATION = Ablation(ROWS, BASE, pairs=5_000, epochs=2, train=train)

# Our framework against torch.nn, in the same training with good settings and with published ones.
PUBLISHED: dict[str, Any] = {
    "momentum": 0.0,
    "warm_up": 0.0,
    "least_warm_up": 0,
    "final_rate": 1.0,
    "average": 0.0,
    "exchange": False,
    "symmetries": False,
    "channels": [32, 64],
    "learning_rate": 0.05,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "good settings": {},
    "good settings, published network": {"channels": [32, 64], "nearest": 3},
    "the same, rate 0.5": {"channels": [32, 64], "nearest": 3, "learning_rate": 0.5},
    "published": {**PUBLISHED, "nearest": 3},
    "published, batch 4": {**PUBLISHED, "nearest": 3, "batch_size": 4},
    "published, transposed": PUBLISHED,
    "published, batch 4, transposed": {**PUBLISHED, "batch_size": 4},
}
FRAMEWORK_ROWS: dict[str, Row] = {
    f"{name}: {framework}": Row({**changes, "framework": framework})
    for name, changes in SETTINGS.items()
    for framework in ("ours", "torch.nn")
}
FRAMEWORK_BASE = {"channels": [64, 192], "bfloat16": False, **PLAIN_LOSS, **SGD}
FRAMEWORKS = Ablation(FRAMEWORK_ROWS, FRAMEWORK_BASE, pairs=2_500, epochs=8, train=train)
