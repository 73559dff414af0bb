"""A small deep learning framework: blocks with a forward and a hand-derived backward pass.

Of torch it uses tensors, their methods, `empty`, `cat`, `arange`, `fold` and `unfold`: no autograd,
and no module of torch.nn.
"""

from .activations import MSE, LeakyReLU, ReLU, Sigmoid
from .layers import Conv2d, NearestUpsampling, TransposeConv2d, Upsampling
from .module import Module, Sequential
from .optimizers import SGD, Adam, Muon
