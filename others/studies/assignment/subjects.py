"""What each question of the assignment is about, as the headings of the page of answers say it."""

from __future__ import annotations

SUBJECTS = {
    1: "the folder of images",
    2: "a data set of noisy crops",
    3: "training and test set, and a sample",
    4: "a regressor with the squared error",
    5: "DnCNN",
    6: "untrained DnCNNs of several depths",
    7: "He's initialisation",
    8: "the same networks, initialised",
    9: "PSNR as a statistic",
    10: "the experiment with DnCNN",
    11: "its training",
    12: "what DnCNN does to images",
    13: "parameters and receptive field of DnCNN",
    14: "the depth that 33 pixels need",
    15: "UDnCNN, with pooling",
    16: "its training",
    17: "parameters and receptive field of UDnCNN",
    18: "DnCNN against UDnCNN",
    19: "DUDnCNN, with dilated convolutions",
    20: "the speed of dilated convolutions",
    21: "the training of DUDnCNN",
    22: "all three on the test images",
    23: "parameters and receptive field of DUDnCNN, and the conclusion",
}
