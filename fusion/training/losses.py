"""Losses: what the networks' own published recipes minimise, as pure functions of tensors.

Images are ``[B, 1, H, W]`` on the scale the network works on (-1..1 for PMGI, SDNet and FusionGAN, 0..1 for the
others); every loss is a scalar. Coefficients are those of the authors' code.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, mse_loss

_LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))
_LOW_PASS = ((0.0947, 0.1183, 0.0947), (0.1183, 0.1478, 0.1183), (0.0947, 0.1183, 0.0947))
_EIGHT_NEIGHBOURS = ((0.125, 0.125, 0.125), (0.125, -1.0, 0.125), (0.125, 0.125, 0.125))
_LOG_EPS = 1e-8


def _filtered(image: Tensor, kernel: tuple[tuple[float, ...], ...]) -> Tensor:
    return conv2d(image, image.new_tensor(kernel)[None, None], padding=1)


def laplacian(image: Tensor) -> Tensor:
    """Second derivative, ``left + right + above + below - 4 centre``, zeros around the image; signed."""
    return _filtered(image, _LAPLACIAN)


def neighbour_difference(image: Tensor) -> Tensor:
    """Mean of the eight neighbours minus the centre, zeros around the image; the gradient of DDcGAN."""
    return _filtered(image, _EIGHT_NEIGHBOURS)


def pmgi_loss(infrared: Tensor, visible: Tensor, fused: Tensor) -> Tensor:
    """Proportional maintenance of intensity and gradient.

    ``100 [MSE(F, I) + 0.3 MSE(F, V) + 4 MSE(lap F, lap I) + 5 MSE(lap F, lap V)]``.
    """
    details = laplacian(fused)
    intensity = mse_loss(fused, infrared) + 0.3 * mse_loss(fused, visible)
    gradient = 4 * mse_loss(details, laplacian(infrared)) + 5 * mse_loss(details, laplacian(visible))
    return 100 * (intensity + gradient)


def sdnet_decision(infrared: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
    """Which source has the stronger texture at each pixel: two masks of 0 and 1 that sum to 1, infrared first.

    Texture is ``|lap(low-pass x)|`` with a 3x3 Gaussian. The visible image wins where it is strictly stronger.
    """
    left, right = (laplacian(_filtered(image, _LOW_PASS)).abs() for image in (infrared, visible))
    visible_wins = (right > left).to(visible.dtype)
    return 1 - visible_wins, visible_wins


def sdnet_loss(
    infrared: Tensor, visible: Tensor, fused: Tensor, infrared_again: Tensor, visible_again: Tensor
) -> Tensor:
    """Squeeze and decomposition, with the adaptive decision S of `sdnet_decision`.

    ``MSE(F, I) + 0.5 MSE(F, V) + 80 [mean S_I (lap F - lap I)^2 + mean S_V (lap F - lap V)^2] + MSE(I', I) +
    MSE(V', V)``, where I' and V' are decomposed from F.
    """
    infrared_wins, visible_wins = sdnet_decision(infrared, visible)
    details = laplacian(fused)
    texture = infrared_wins * (details - laplacian(infrared)) ** 2 + visible_wins * (details - laplacian(visible)) ** 2
    intensity = mse_loss(fused, infrared) + 0.5 * mse_loss(fused, visible)
    decomposition = mse_loss(infrared_again, infrared) + mse_loss(visible_again, visible)
    return intensity + 80 * texture.mean() + decomposition


def fusiongan_content(infrared: Tensor, visible: Tensor, fused: Tensor) -> Tensor:
    """Infrared intensity and visible gradients, ``MSE(F, I) + 5 MSE(lap F, lap V)``; enters the loss 100 times."""
    return mse_loss(fused, infrared) + 5 * mse_loss(laplacian(fused), laplacian(visible))


def soft_label_loss(score: Tensor, low: float, high: float, generator: torch.Generator | None = None) -> Tensor:
    """Least squares against labels drawn anew for each sample, ``mean (D - U[low, high])^2``.

    Args:
        score: ``[B, 1]`` from a discriminator without bounds.
        low: end of the labels' range.
        high: end of the labels' range.
        generator: source of the labels, on the CPU.
    """
    drawn = torch.rand(score.shape, generator=generator, dtype=score.dtype).to(score.device)
    return ((score - (low + (high - low) * drawn)) ** 2).mean()


def fusiongan_generator_loss(
    infrared: Tensor, visible: Tensor, fused: Tensor, score: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """``mean (D(F) - U[0.7, 1.2])^2 + 100 content``; `score` is D(F)."""
    return soft_label_loss(score, 0.7, 1.2, generator) + 100 * fusiongan_content(infrared, visible, fused)


def fusiongan_discriminator_loss(real: Tensor, fake: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """``mean (D(V) - U[0.7, 1.2])^2 + mean (D(F) - U[0, 0.3])^2``; the arguments are D(V) and D(F)."""
    return soft_label_loss(real, 0.7, 1.2, generator) + soft_label_loss(fake, 0.0, 0.3, generator)


def ddcgan_content(infrared: Tensor, visible: Tensor, fused: Tensor) -> Tensor:
    """Infrared intensity and visible gradients, ``|F - I|_2^2 / 16 + 1.2 |grad F - grad V|_1``.

    Sums over pixels, mean over the batch; gradients by `neighbour_difference`. Enters the loss 0.6 times.
    """
    intensity = ((fused - infrared) ** 2).sum((1, 2, 3))
    gradient = (neighbour_difference(fused) - neighbour_difference(visible)).abs().sum((1, 2, 3))
    return (intensity / 16 + 1.2 * gradient).mean()


def _minus_log(probability: Tensor) -> Tensor:
    return -torch.log(probability + _LOG_EPS).mean()


def ddcgan_adversarial(of_visible: Tensor, of_infrared: Tensor) -> Tensor:
    """What the generator wants of both discriminators, ``mean -log D_V(F) - log D_I(F)``."""
    return _minus_log(of_visible) + _minus_log(of_infrared)


def ddcgan_generator_loss(
    infrared: Tensor, visible: Tensor, fused: Tensor, of_visible: Tensor, of_infrared: Tensor
) -> Tensor:
    """``adversarial + 0.6 content``; `of_visible` and `of_infrared` are the discriminators' D_V(F) and D_I(F)."""
    return ddcgan_adversarial(of_visible, of_infrared) + 0.6 * ddcgan_content(infrared, visible, fused)


def ddcgan_discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """``mean -log D(real) - log(1 - D(F))``, for either discriminator; the arguments are probabilities ``[B, 1]``."""
    return _minus_log(real) + _minus_log(1 - fake)
