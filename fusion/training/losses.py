"""Losses: what the networks' own published recipes minimise, as pure functions of tensors.

Images are ``[B, 1, H, W]`` on the scale the network works on (-1..1 for PMGI, SDNet and FusionGAN, 0..255 for
RFN-Nest, 0..1 for the others); every loss is a scalar. Coefficients are those of the authors' code.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, l1_loss, mse_loss, pad, tanh

_LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))
_LOW_PASS = ((0.0947, 0.1183, 0.0947), (0.1183, 0.1478, 0.1183), (0.0947, 0.1183, 0.0947))
_EIGHT_NEIGHBOURS = ((0.125, 0.125, 0.125), (0.125, -1.0, 0.125), (0.125, 0.125, 0.125))
_SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
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


def ddcgan_judgement(probability: Tensor) -> Tensor:
    """``-log p`` of each sample, finite at 0."""
    return -torch.log(probability + _LOG_EPS)


def _minus_log(probability: Tensor) -> Tensor:
    return ddcgan_judgement(probability).mean()


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


def sobel_derivatives(image: Tensor) -> Tensor:
    """Sobel derivatives divided by 8, ``[B, 2, H, W]``: along rows, along columns; edge pixels repeated."""
    across = image.new_tensor(_SOBEL) / 8
    return conv2d(pad(image, (1, 1, 1, 1), "replicate"), torch.stack((across, across.T))[:, None])


def sobel_magnitude(image: Tensor) -> Tensor:
    """``|Sobel x| + |Sobel y|``, not divided, zeros around the image."""
    across = image.new_tensor(_SOBEL)
    return conv2d(image, torch.stack((across, across.T))[:, None], padding=1).abs().sum(1, keepdim=True)


def _gaussian_window(image: Tensor, side: int) -> Tensor:
    """Normalised Gaussian of standard deviation 1.5, ``[1, 1, side, side]``."""
    offset = torch.arange(side, dtype=image.dtype, device=image.device) - side // 2
    line = torch.exp(-(offset**2) / (2 * 1.5**2))
    line = line / line.sum()
    return (line[:, None] * line[None, :])[None, None]


def _ssim_terms(first: Tensor, second: Tensor, side: int, padding: int, extent: float) -> tuple[Tensor, Tensor]:
    """Maps of luminance and of contrast-structure similarity, whose product is SSIM.

    ``(2 m1 m2 + C1) / (m1^2 + m2^2 + C1)`` and ``(2 s12 + C2) / (s1^2 + s2^2 + C2)`` with local means m, variances s^2
    and covariance s12 under a Gaussian, C1 = (0.01 L)^2, C2 = (0.03 L)^2, L the extent of the values.
    """
    window = _gaussian_window(first, side)
    mean_1, mean_2 = conv2d(first, window, padding=padding), conv2d(second, window, padding=padding)
    variance_1 = conv2d(first * first, window, padding=padding) - mean_1**2
    variance_2 = conv2d(second * second, window, padding=padding) - mean_2**2
    covariance = conv2d(first * second, window, padding=padding) - mean_1 * mean_2
    c1, c2 = (0.01 * extent) ** 2, (0.03 * extent) ** 2
    luminance = (2 * mean_1 * mean_2 + c1) / (mean_1**2 + mean_2**2 + c1)
    return luminance, (2 * covariance + c2) / (variance_1 + variance_2 + c2)


def ssim_map(first: Tensor, second: Tensor) -> Tensor:
    """SSIM at each pixel of images in 0..1: Gaussian of 11x11 and standard deviation 1.5, zeros around the images."""
    luminance, structure = _ssim_terms(first, second, side=11, padding=5, extent=1.0)
    return luminance * structure


def dissimilarity(first: Tensor, second: Tensor) -> Tensor:
    """``mean clamp((1 - SSIM) / 2, 0, 1/2)``, in 0..0.5; what kornia up to 0.4 called its SSIM loss."""
    return ((1 - ssim_map(first, second)).clamp(0, 1) / 2).mean()


def didfuse_loss(
    images: tuple[Tensor, Tensor],
    again: tuple[Tensor, Tensor],
    bases: tuple[Tensor, Tensor],
    details: tuple[Tensor, Tensor],
) -> Tensor:
    """Reconstruction of both images, base maps alike, detail maps different; pairs are (infrared, visible).

    ``sum over both images X of 2 [5 dissimilarity(X, X') + MSE(X, X')] + tanh(mean |B_I - B_V|) -
    0.5 tanh(mean |D_I - D_V|) + 10 mean |grad V - grad V'|`` with the gradient of `sobel_derivatives`.
    """
    rebuilt = torch.stack(
        [5 * dissimilarity(image, copy) + mse_loss(copy, image) for image, copy in zip(images, again, strict=True)]
    ).sum()
    texture = l1_loss(sobel_derivatives(again[1]), sobel_derivatives(images[1]))
    return 2 * rebuilt + tanh(l1_loss(*bases)) - 0.5 * tanh(l1_loss(*details)) + 10 * texture


def ms_ssim(first: Tensor, second: Tensor, published: bool = False) -> Tensor:
    """Multi-scale SSIM of images in 0..255: five scales, each half of the last, Gaussian 11x11 without padding.

    With the mean similarity s and contrast-structure c of each scale mapped by ``(x + 1) / 2``, which keeps powers of
    negative values real: ``s_5^w_5 product over i < 5 of c_i^w_i``, w = .0448, .2856, .3001, .2363, .1333. The
    window shrinks to the image where that is smaller.

    Args:
        first: ``[B, 1, H, W]``, at least 16x16.
        second: the same.
        published: as in the library that RFN-Nest was trained with: s_5^w_5 enters each of the four factors, hence
            four times, and values that don't exceed 128 anywhere count as images in 0..1 (L = 1).

    Paper:
        Wang, Simoncelli, Bovik, Multiscale structural similarity for image quality assessment, Asilomar 2003.
    """
    product = first.new_ones(())
    for scale, weight in enumerate(_SCALE_WEIGHTS):
        if scale:
            first, second = avg_pool2d(first, 2), avg_pool2d(second, 2)
        extent = 1.0 if published and float(first.detach().max()) <= 128 else 255.0
        luminance, structure = _ssim_terms(first, second, min(11, *first.shape[2:]), 0, extent)
        if scale < len(_SCALE_WEIGHTS) - 1:
            product = product * ((structure.mean() + 1) / 2) ** weight
    coarsest = (((luminance * structure).mean() + 1) / 2) ** _SCALE_WEIGHTS[-1]
    return product * coarsest ** (len(_SCALE_WEIGHTS) - 1 if published else 1)


def rfn_nest_autoencoder_loss(image: Tensor, again: Tensor, published: bool = False) -> Tensor:
    """First stage, ``MSE(X', X) + 100 (1 - MS-SSIM(X', X))``: the auto-encoder rebuilds single images.

    The authors' script for this stage is not published with the network; the form is that of NestFuse, the weight
    that of their file's name.
    """
    return mse_loss(again, image) + 100 * (1 - ms_ssim(again, image, published))


def rfn_nest_fusion_loss(
    visible: Tensor,
    fused: Tensor,
    fused_maps: Sequence[Tensor],
    infrared_maps: Sequence[Tensor],
    visible_maps: Sequence[Tensor],
    published: bool = False,
) -> Tensor:
    """Second stage: visible detail in the image, infrared strength in the maps of four levels.

    ``700 (1 - MS-SSIM(F', V)) + sum over levels of w MSE(maps_F, 6 maps_I + 3 maps_V)``, w = 1, 10, 100, 1000 from
    shallow to deep; F' is F stretched to 0..255.

    Args:
        visible: ``[B, 1, H, W]`` in 0..255.
        fused: ``[B, 1, H, W]`` of any scale.
        fused_maps: what the fusion networks gave, level by level.
        infrared_maps: what the encoder gave.
        visible_maps: what the encoder gave.
        published: stretch by minimum and maximum of the whole batch instead of each image's, and `ms_ssim` so too.
    """
    over = (0, 1, 2, 3) if published else (1, 2, 3)
    low, high = fused.amin(over, keepdim=True), fused.amax(over, keepdim=True)
    structure = 1 - ms_ssim((fused - low) / (high - low + 1e-5) * 255, visible, published)
    levels = zip((1, 10, 100, 1000), fused_maps, infrared_maps, visible_maps, strict=True)
    features = [weight * mse_loss(mixed, 6 * left + 3 * right) for weight, mixed, left, right in levels]
    return 700 * structure + torch.stack(features).sum()


def swinfusion_loss(
    infrared: Tensor,
    visible: Tensor,
    fused: Tensor,
    intensity: float = 20,
    gradient: float = 20,
    structure: float = 10,
) -> Tensor:
    """Brighter intensity, stronger gradient, and structure in proportion to each image's gradients.

    ``20 mean |F - max(I, V)| + 20 mean ||grad F| - max(|grad I|, |grad V|)| + 10 [1 - a SSIM(I, F) - (1 - a)
    SSIM(V, F)]`` with a the share of the infrared images in the mean of |grad|, which is `sobel_magnitude`. The
    defaults are SwinFusion's.
    """
    slope_i, slope_v = sobel_magnitude(infrared), sobel_magnitude(visible)
    share = slope_i.mean() / (slope_i.mean() + slope_v.mean()).clamp_min(1e-12)
    brightness = l1_loss(fused, torch.maximum(infrared, visible))
    texture = l1_loss(sobel_magnitude(fused), torch.maximum(slope_i, slope_v))
    alike = share * ssim_map(infrared, fused).mean() + (1 - share) * ssim_map(visible, fused).mean()
    return intensity * brightness + gradient * texture + structure * (1 - alike)


def mgt_loss(infrared: Tensor, visible: Tensor, fused: Tensor) -> Tensor:
    """`swinfusion_loss` with the weights 50, 50 and 10 that MGT's files give."""
    return swinfusion_loss(infrared, visible, fused, intensity=50, gradient=50, structure=10)
