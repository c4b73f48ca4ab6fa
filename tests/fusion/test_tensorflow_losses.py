"""Losses of PMGI, SDNet, FusionGAN and DDcGAN, against sums done by hand.

Their values in the authors' own graphs are compared in test_network_parity.py.
"""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve

from fusion.training import losses

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
        (losses.laplacian, [[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
        (losses.neighbour_difference, np.full((3, 3), 1 / 8) - np.diag([0, 9 / 8, 0])),
    ],
)
def test_derivatives_with_zeros_around(function, kernel):
    image = torch.rand(2, 1, 6, 7, dtype=torch.float64)
    expected = [convolve(plane, kernel, mode="constant") for plane in image[:, 0].numpy()]
    np.testing.assert_allclose(function(image)[:, 0], expected, atol=1e-12)


def test_pmgi():
    assert losses.pmgi_loss(ZERO, ZERO, ZERO) == 0
    # Fused equals infrared, a dot; visible is empty: 100 [0.3 * 1 / 25 + 5 * 20 / 25]
    assert losses.pmgi_loss(dot(), ZERO, dot()).item() == pytest.approx(100 * (0.3 / 25 + 5 * 20 / 25))
    # Fused equals visible: 100 [1 / 25 + 4 * 20 / 25]
    assert losses.pmgi_loss(ZERO, dot(), dot()).item() == pytest.approx(100 * (1 / 25 + 4 * 20 / 25))


def test_sdnet_decision_takes_the_stronger_texture_and_infrared_in_ties():
    infrared_wins, visible_wins = losses.sdnet_decision(ZERO, dot())
    assert torch.equal(infrared_wins + visible_wins, torch.ones_like(ZERO))
    # The low-passed dot has second derivatives wherever the 5x5 support of both kernels reaches, corners excepted.
    expected = np.ones((5, 5))
    expected[[0, 0, -1, -1], [0, -1, 0, -1]] = 0
    np.testing.assert_array_equal(visible_wins[0, 0], expected)
    assert losses.sdnet_decision(dot(), dot())[0].eq(1).all()
    assert losses.sdnet_decision(dot(2), dot(-1))[0].eq(1).all()


def test_sdnet():
    assert losses.sdnet_loss(ZERO, ZERO, ZERO, ZERO, ZERO) == 0
    # Visible has all texture; an empty fused image lacks its 20 and its 1, the heads lack 1 and 4.
    value = losses.sdnet_loss(ZERO, dot(), ZERO, dot(), dot(3))
    assert value.item() == pytest.approx((0.5 + 80 * 20 + 1 + 4) / 25)
    # A fused image of visible texture fails only infrared intensity.
    assert losses.sdnet_loss(ZERO, dot(), dot(), ZERO, dot()).item() == pytest.approx(1 / 25)


def test_fusiongan_content():
    assert losses.fusiongan_content(dot(), ZERO, dot()).item() == pytest.approx(5 * 20 / 25)
    assert losses.fusiongan_content(ZERO, dot(), dot()).item() == pytest.approx(1 / 25)


def test_soft_labels_have_the_mean_and_spread_of_their_range():
    score = torch.full((200_000, 1), 0.95, dtype=torch.float64)
    # (0.95 - U[0.7, 1.2])^2 has the mean of a uniform variance, 0.5^2 / 12.
    value = losses.soft_label_loss(score, 0.7, 1.2, torch.Generator().manual_seed(0)).item()
    assert value == pytest.approx(0.25 / 12, rel=0.01)
    first, second = (losses.soft_label_loss(score[:4], 0, 1, torch.Generator().manual_seed(1)) for _ in range(2))
    assert first == second
    assert losses.soft_label_loss(score[:4], 0.5, 0.5).item() == pytest.approx(0.45**2)


def test_fusiongan_generator_adds_the_content_a_hundred_times():
    score = torch.zeros(100_000, 1, dtype=torch.float64)
    value = losses.fusiongan_generator_loss(ZERO, dot(), dot(), score, torch.Generator().manual_seed(0)).item()
    # E U[0.7, 1.2]^2 = 0.95^2 + 0.5^2 / 12
    assert value == pytest.approx(0.95**2 + 0.25 / 12 + 100 / 25, rel=0.01)


def test_fusiongan_discriminator_wants_visible_high_and_fused_low():
    high, low = torch.full((100_000, 1), 0.95), torch.full((100_000, 1), 0.15)
    generator = torch.Generator().manual_seed(0)
    right = losses.fusiongan_discriminator_loss(high, low, generator).item()
    wrong = losses.fusiongan_discriminator_loss(low, high, generator).item()
    assert right == pytest.approx(0.25 / 12 + 0.09 / 12, rel=0.02)
    assert wrong == pytest.approx(right + 2 * 0.8**2, rel=0.02)


def test_ddcgan_content_sums_over_pixels():
    # |grad| of a dot: 1 in the middle, 1/8 at eight neighbours.
    assert losses.ddcgan_content(dot(), ZERO, dot()).item() == pytest.approx(1.2 * 2)
    assert losses.ddcgan_content(ZERO, dot(3), dot(3)).item() == pytest.approx(9 / 16)


def test_ddcgan_adversaries():
    quarter, half = torch.full((3, 1), 0.25), torch.full((3, 1), 0.5)
    assert losses.ddcgan_adversarial(quarter, half).item() == pytest.approx(3 * math.log(2))
    assert losses.ddcgan_discriminator_loss(half, quarter).item() == pytest.approx(math.log(2) - math.log(0.75))
    total = losses.ddcgan_generator_loss(ZERO, dot(), dot(), quarter, half).item()
    assert total == pytest.approx(3 * math.log(2) + 0.6 / 16)


def test_ddcgan_survives_certain_discriminators():
    zero, one = torch.zeros(3, 1), torch.ones(3, 1)
    assert losses.ddcgan_adversarial(zero, one).item() == pytest.approx(8 * math.log(10), rel=1e-5)
    assert losses.ddcgan_discriminator_loss(zero, one).item() == pytest.approx(16 * math.log(10), rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        losses.pmgi_loss,
        lambda *images: losses.sdnet_loss(*images, *images[:2]),
        losses.fusiongan_content,
        losses.ddcgan_content,
    ],
)
def test_gradients_reach_the_fused_image(loss):
    fused = torch.rand(2, 1, 5, 5, requires_grad=True)
    loss(ZERO, dot(), fused).backward()
    assert fused.grad.isfinite().all() and fused.grad.ne(0).any()
