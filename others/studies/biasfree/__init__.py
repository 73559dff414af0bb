"""Blind denoisers without biases, f(a x) = a f(x), after the library "blind image denoising"
(N. Markou) and Mohan et al., "Robust and interpretable blind image denoising via bias-free
convolutional neural networks", ICLR 2020."""
