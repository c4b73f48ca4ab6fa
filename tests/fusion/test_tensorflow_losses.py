"""Losses of PMGI, SDNet, FusionGAN and DDcGAN, against sums done by hand.

Their values in the authors' own graphs are compared in test_network_parity.py.
"""

import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve
from torch import nn
from torch.nn.functional import pad

from ivif.fusion.training.losses import laplacian
from ivif.fusion.training.recipe import Examples, TrainingStep
from ivif.fusion.training.recipes.ddcgan import (
    DDcGANRecipe,
    ddcgan_adversarial,
    ddcgan_content,
    ddcgan_discriminator_loss,
    neighbour_difference,
)
from ivif.fusion.training.recipes.fusiongan import (
    FusionGANRecipe,
    fusiongan_content,
    fusiongan_discriminator_loss,
    soft_label_loss,
)
from ivif.fusion.training.recipes.pmgi import pmgi_loss
from ivif.fusion.training.recipes.sdnet import sdnet_decision, sdnet_loss

ZERO = torch.zeros(2, 1, 5, 5)
"""Two images of 25 pixels."""


def dot(value=1.0):
    """A bright pixel in the middle of each image; its Laplacian is -4 there and 1 at four neighbours, squared 20."""
    image = ZERO.clone()
    image[:, :, 2, 2] = value
    return image


@pytest.mark.parametrize(
    ("function", "kernel"),
    [
        (laplacian, [[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
        (neighbour_difference, np.full((3, 3), 1 / 8) - np.diag([0, 9 / 8, 0])),
    ],
)
def test_derivatives_with_zeros_around(function, kernel):
    image = torch.rand(2, 1, 6, 7, dtype=torch.float64)
    expected = [convolve(plane, kernel, mode="constant") for plane in image[:, 0].numpy()]
    np.testing.assert_allclose(function(image)[:, 0], expected, atol=1e-12)


def test_pmgi():
    assert pmgi_loss(ZERO, ZERO, ZERO) == 0
    # Fused equals infrared, a dot; visible is empty: 100 [0.3 * 1 / 25 + 5 * 20 / 25]
    assert pmgi_loss(dot(), ZERO, dot()).item() == pytest.approx(100 * (0.3 / 25 + 5 * 20 / 25))
    # Fused equals visible: 100 [1 / 25 + 4 * 20 / 25]
    assert pmgi_loss(ZERO, dot(), dot()).item() == pytest.approx(100 * (1 / 25 + 4 * 20 / 25))


def test_sdnet_decision_takes_the_stronger_texture_and_infrared_in_ties():
    infrared_wins, visible_wins = sdnet_decision(ZERO, dot())
    assert torch.equal(infrared_wins + visible_wins, torch.ones_like(ZERO))
    # The low-passed dot has second derivatives wherever the 5x5 support of both kernels reaches, corners excepted.
    expected = np.ones((5, 5))
    expected[[0, 0, -1, -1], [0, -1, 0, -1]] = 0
    np.testing.assert_array_equal(visible_wins[0, 0], expected)
    assert sdnet_decision(dot(), dot())[0].eq(1).all()
    assert sdnet_decision(dot(2), dot(-1))[0].eq(1).all()


def test_sdnet():
    assert sdnet_loss(ZERO, ZERO, ZERO, ZERO, ZERO) == 0
    # Visible has all texture; an empty fused image lacks its 20 and its 1, the heads lack 1 and 4.
    value = sdnet_loss(ZERO, dot(), ZERO, dot(), dot(3))
    assert value.item() == pytest.approx((0.5 + 80 * 20 + 1 + 4) / 25)
    # A fused image of visible texture fails only infrared intensity.
    assert sdnet_loss(ZERO, dot(), dot(), ZERO, dot()).item() == pytest.approx(1 / 25)


def test_fusiongan_content():
    assert fusiongan_content(dot(), ZERO, dot()).item() == pytest.approx(5 * 20 / 25)
    assert fusiongan_content(ZERO, dot(), dot()).item() == pytest.approx(1 / 25)


def test_soft_labels_have_the_mean_and_spread_of_their_range():
    score = torch.full((200_000, 1), 0.95, dtype=torch.float64)
    # (0.95 - U[0.7, 1.2])^2 has the mean of a uniform variance, 0.5^2 / 12.
    value = soft_label_loss(score, 0.7, 1.2, torch.Generator().manual_seed(0)).item()
    assert value == pytest.approx(0.25 / 12, rel=0.01)
    first, second = (soft_label_loss(score[:4], 0, 1, torch.Generator().manual_seed(1)) for _ in range(2))
    assert first == second
    assert soft_label_loss(score[:4], 0.5, 0.5).item() == pytest.approx(0.45**2)


class Constant(nn.Module):
    """A network that gives the same for every image of a batch, whatever it sees."""

    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, images, *others, update=True):
        return self.output.expand(len(images), *self.output.shape[1:])


def test_fusiongan_generator_adds_the_content_a_hundred_times():
    """Everything is judged 0; 4,000 patches of 5x5 are covered, and 6 pixels around them."""
    networks = nn.ModuleDict({"generator": Constant(dot()[:1]), "discriminator": Constant(torch.zeros(1, 1))})
    found = {}
    step = TrainingStep(networks, found.__setitem__, nullcontext, torch.Generator().manual_seed(0))
    empty, bright = (pad(image[:1], (6,) * 4).expand(4000, -1, -1, -1) for image in (ZERO, dot()))
    FusionGANRecipe().step(step, *((1 + image) / 2 for image in (empty, bright)))
    # E U[0.7, 1.2]^2 = 0.95^2 + 0.5^2 / 12
    assert found["generator"].item() == pytest.approx(0.95**2 + 0.25 / 12 + 100 / 25, rel=0.01)


def test_fusiongan_discriminator_wants_visible_high_and_fused_low():
    high, low, weights = torch.full((100_000, 1), 0.95), torch.full((100_000, 1), 0.15), torch.ones(100_000, 1)
    generator = torch.Generator().manual_seed(0)
    right = fusiongan_discriminator_loss(high, low, weights, generator).item()
    wrong = fusiongan_discriminator_loss(low, high, weights, generator).item()
    assert right == pytest.approx(0.25 / 12 + 0.09 / 12, rel=0.02)
    assert wrong == pytest.approx(right + 2 * 0.8**2, rel=0.02)


def test_ddcgan_content_sums_over_pixels():
    # |grad| of a dot: 1 in the middle, 1/8 at eight neighbours.
    assert ddcgan_content(dot(), ZERO, dot()).item() == pytest.approx(1.2 * 2)
    assert ddcgan_content(ZERO, dot(3), dot(3)).item() == pytest.approx(9 / 16)


def test_ddcgan_adversaries():
    quarter, half = torch.full((3, 1), 0.25), torch.full((3, 1), 0.5)
    assert ddcgan_adversarial(quarter, half).item() == pytest.approx(3 * math.log(2))
    found = ddcgan_discriminator_loss(half, quarter, torch.ones(3, 1))
    assert found.item() == pytest.approx(math.log(2) - math.log(0.75))


def test_ddcgan_counts_its_content_by_three_fifths():
    assert DDcGANRecipe().original(Examples(ZERO, dot()), [dot()]).item() == pytest.approx(0.6 / 16)


def test_ddcgan_survives_certain_discriminators():
    zero, one = torch.zeros(3, 1), torch.ones(3, 1)
    assert ddcgan_adversarial(zero, one).item() == pytest.approx(8 * math.log(10), rel=1e-5)
    assert ddcgan_discriminator_loss(zero, one, torch.ones(3, 1)).item() == pytest.approx(16 * math.log(10), rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        pmgi_loss,
        lambda *images: sdnet_loss(*images, *images[:2]),
        fusiongan_content,
        ddcgan_content,
    ],
)
def test_gradients_reach_the_fused_image(loss):
    fused = torch.rand(2, 1, 5, 5, requires_grad=True)
    loss(ZERO, dot(), fused).backward()
    assert fused.grad.isfinite().all() and fused.grad.ne(0).any()
