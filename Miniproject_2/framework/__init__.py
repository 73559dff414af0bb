"""A small deep learning framework: blocks with a forward and a hand-derived backward pass.

It uses tensors and their methods, and nothing else of torch: no autograd, no torch.nn.
"""

from .activations import MSE, LeakyReLU, ReLU, Sigmoid
from .layers import Conv2d, NearestUpsampling, TransposeConv2d, Upsampling
from .module import Module, Sequential
from .optimizers import SGD, Adam, Muon
