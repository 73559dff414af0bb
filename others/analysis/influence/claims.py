"""Two claims of the report on TNet, measured: what moves a denoised pixel?

The report reads from one SmoothGrad picture (section 3, figure 3) that a noisy pixel has very
little influence on its own denoised value, while its surroundings have much, and that pixels beyond
an edge have another influence than those on the pixel's own side. Here both become figures over
many images, each a mean over images with the 95 % confidence interval of that mean.

The *weight* of an input pixel is the slope of the output (mean of the channels) at the pixel that
is being denoised, when the input pixel becomes lighter in all channels: 1/9 for a mean over 3x3
pixels. In a filter that keeps a flat image as it is, all weights add up to 1.
"""

from torch import Tensor

from others.analysis.influence.edges import at_edges
from others.analysis.influence.noise import by_intervention, by_noise, whole_maps
from others.analysis.influence.weights import Figures, Smoothing
from others.analysis.smooth_grad import Network


def measure(network: Network, noisy: Tensor, clean: Tensor, smoothing: Smoothing) -> Figures:
    """Both claims on noisy and clean images (N, 3, H, W) in [0, 1], as one JSON object."""
    return {
        "smoothing": smoothing._asdict(),
        "rank correlation": whole_maps(network, noisy, clean, smoothing),
        "pixels by their noise": by_noise(network, noisy, clean, smoothing),
        "one pixel moved": by_intervention(network, noisy, clean, smoothing),
        "edges": at_edges(network, noisy, clean, smoothing),
    }
