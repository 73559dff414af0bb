"""TNet, BaseNet and Noise2Noise's U-Net are the networks whose results were published."""

from __future__ import annotations

from typing import Callable

import pytest
import torch
from torch import Generator, Tensor, nn

from others.networks.tnet import LEAST, STAGES, BaseNet, TNet
from others.networks.unet import UNet

COUNTS = {
    "BaseNet": (BaseNet, 166_923),
    "TNet": (TNet, 43_064),
    "TNet with batch normalisation": (lambda: TNet(batch_norm=STAGES), 43_486),
    "U-Net": (UNet, 991_203),
}
VARIANTS: dict[str, Callable[[], nn.Module]] = {
    **{name: make for name, (make, _) in COUNTS.items()},
    "normalised at the bottleneck": lambda: TNet(batch_norm=[2]),
    "wider latent": lambda: TNet(latent=64),
    "dropout": lambda: TNet(dropout=0.1),
}


def images(*size: int) -> Tensor:
    """Random images (N, 3, H, W) in [0, 1]."""
    return torch.rand(size[0], 3, *size[1:], generator=Generator().manual_seed(0))


@pytest.mark.parametrize(("make", "count"), COUNTS.values(), ids=COUNTS)
def test_the_number_of_parameters_is_the_published_one(
    make: Callable[[], nn.Module], count: int
) -> None:
    """The report's counts: 167.0, 43.0, 43.5 and 991.0 thousand."""
    assert sum(value.numel() for value in make().parameters()) == count


@pytest.mark.parametrize("make", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("size", [(32, 32), (1, 1), (33, 47), (70, 5)])
def test_any_size_goes_through(make: Callable[[], nn.Module], size: tuple[int, int]) -> None:
    """The answer has the shape of the image, also where a side fits no stride."""
    net, x = make().eval(), images(2, *size)
    with torch.no_grad():
        answer = net(x)
    assert answer.shape == x.shape
    assert answer.isfinite().all()


@pytest.mark.parametrize("make", VARIANTS.values(), ids=VARIANTS)
def test_images_are_denoised_alone_in_evaluation(make: Callable[[], nn.Module]) -> None:
    """What an image becomes does not depend on the others of its batch, padded or not."""
    net, x = make().eval(), images(3, 31, 33)
    with torch.no_grad():
        torch.testing.assert_close(net(x)[:1], net(x[:1]), atol=1e-5, rtol=1e-4)


def test_basenet_has_a_latent_vector_of_eight_numbers() -> None:
    """A 32x32 image passes through 8 numbers, and the answer is never negative."""
    net, x = BaseNet(), images(2, LEAST, LEAST)
    assert net.encoder(x).shape == (2, 8, 1, 1)
    assert net(x).min() >= 0


def test_tnet_by_hand() -> None:
    """With all weights 0 but one in the head, the input is what comes out: nothing else is left."""
    net, x = TNet(), images(2, 32, 32)
    for value in net.parameters():
        nn.init.zeros_(value)
    with torch.no_grad():
        for channel in range(3):
            net.get_submodule("head.1").weight[channel, 3 + channel, 1, 1] = 1  # type: ignore[index]
        torch.testing.assert_close(net(x), x)
        net.get_submodule("head.1").bias[:] = -2  # type: ignore[index]
        torch.testing.assert_close(net(x), 0.1 * (x - 2))  # the leaky ReLU of the output


def test_every_part_of_a_network_is_used() -> None:
    """All parameters get a gradient."""
    for make in VARIANTS.values():
        net = make().train()
        net(images(4, 32, 32)).square().mean().backward()
        missing = [name for name, value in net.named_parameters() if value.grad is None]
        assert missing == []


def test_unet_has_a_decoder_block_of_its_own_at_every_scale() -> None:
    """Four blocks of two convolutions and the last one, none of them shared."""
    net = UNet()
    assert len({id(block) for block in net.up}) == 4
    assert sum(isinstance(layer, nn.Conv2d) for layer in net.modules()) == 18
    assert net.bottom(net.stem(images(1, 32, 32))).shape[1] == 48


def test_dropout_is_off_in_evaluation() -> None:
    """In training two passes differ, in evaluation they agree."""
    torch.manual_seed(0)
    net, x = TNet(dropout=0.5), images(2, 32, 32)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


def test_impossible_settings_are_refused() -> None:
    """A stage that there is not, a probability outside [0, 1), no latent channel."""
    with pytest.raises(ValueError, match=r"batch_norm is \[0, 6\]; expected stages of 0 to 5"):
        TNet(batch_norm=[0, 6])
    with pytest.raises(ValueError, match="dropout is 1"):
        TNet(dropout=1)
    with pytest.raises(ValueError, match="latent 0"):
        TNet(latent=0)
