"""Batch normalisation with other statistics than those of the training."""

from __future__ import annotations

import torch
from torch import nn

from others.networks.tnet import STAGES, TNet
from others.studies.tnet import norms
from tests.helpers.images import pixels


def test_momentum_does_not_enter_the_training() -> None:
    """With another momentum of the running statistics the weights become the same."""
    x, trained = pixels(8, 32, 32).float() / 255, []
    for momentum in (0.1, 0.9, None):
        torch.manual_seed(0)
        net = TNet(batch_norm=STAGES)
        for layer in norms.layers(net):
            layer.momentum = momentum
        optimizer = torch.optim.Adam(net.parameters(), 1e-3)
        for _ in range(2):
            optimizer.zero_grad()
            (net(x) - x).square().mean().backward()
            optimizer.step()
        trained.append(torch.cat([value.detach().flatten() for value in net.parameters()]))
    assert torch.equal(trained[0], trained[1])
    assert torch.equal(trained[0], trained[2])


def test_statistics_estimated_again_by_hand() -> None:
    """Without momentum they are the means over all batches; with one, the old ones fade."""
    net = nn.Sequential(nn.BatchNorm2d(3))
    x = torch.cat([torch.zeros(32, 3, 2, 2), torch.ones(32, 3, 2, 2)])
    again = next(norms.layers(norms.estimated_again(net, x, None)))
    assert again.running_mean is not None
    torch.testing.assert_close(again.running_mean, torch.full((3,), 0.5))
    faded = next(norms.layers(norms.estimated_again(net, x, 0.25)))
    assert faded.running_mean is not None
    torch.testing.assert_close(faded.running_mean, torch.full((3,), 0.25))
    assert not net[0].running_mean.any()  # type: ignore[union-attr]  # the network itself is as it was


def test_statistics_of_a_batch_are_used_and_forgotten() -> None:
    """In this mode every batch comes out with mean 0, and the running statistics stay."""
    net = nn.Sequential(nn.BatchNorm2d(3)).eval()
    fresh = norms.batchwise(net)
    answer = fresh(5 + torch.rand(4, 3, 2, 2))
    torch.testing.assert_close(answer.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    assert not fresh[0].running_mean.any()  # type: ignore[index]
