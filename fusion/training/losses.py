"""Losses: the operators that recipes of two or more networks share, as pure functions of tensors.

Images are ``[B, 1, H, W]`` on the scale the network works on; references are ``[B, K, H, W]`` on the same scale with
weights ``[B, K]`` whose rows sum to 1, and `Targets` holds both. Against references ``l(F; R, w) = mean over the batch
of sum_k w_k l(F, R_k)``. Every loss is a scalar; coefficients of the original ones are those of the authors' codes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import conv2d, l1_loss

from ivif.fusion.reference.supervision import Targets

_LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))
_SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))


def filtered(image: Tensor, kernel: tuple[tuple[float, ...], ...]) -> Tensor:
    """Correlation with a kernel of 3x3, zeros around the image."""
    return conv2d(image, image.new_tensor(kernel)[None, None], padding=1)


def laplacian(image: Tensor) -> Tensor:
    """Second derivative, ``left + right + above + below - 4 centre``, zeros around the image; signed."""
    return filtered(image, _LAPLACIAN)


def sobel_kernels(image: Tensor) -> Tensor:
    """Sobel's kernels along rows and along columns, ``[2, 1, 3, 3]``, of the type and device of an image."""
    across = image.new_tensor(_SOBEL)
    return torch.stack((across, across.T))[:, None]


def sobel_magnitude(image: Tensor) -> Tensor:
    """``|Sobel x| + |Sobel y|``, not divided, zeros around the image."""
    return conv2d(image, sobel_kernels(image), padding=1).abs().sum(1, keepdim=True)


def _blurred(image: Tensor, side: int, padding: int) -> Tensor:
    """``[..., H, W]`` under a normalised Gaussian of `side` pixels and standard deviation 1.5, zeros around the image.

    Along either axis it is a product with a banded matrix, which for patches takes a fraction of a convolution's time.
    """
    down, across = (_gaussian_band(image, length, side, padding) for length in image.shape[-2:])
    return down @ image @ across.T


def _gaussian_band(image: Tensor, length: int, side: int, padding: int) -> Tensor:
    """The Gaussian along an axis, ``[length + 2 padding - side + 1, length]``, of the type and device of an image."""
    offset = torch.arange(side, dtype=image.dtype, device=image.device) - side // 2
    line = torch.exp(-(offset**2) / (2 * 1.5**2))
    band = image.new_zeros(length + 2 * padding - side + 1, length + 2 * padding)
    band.as_strided((len(band), side), (band.shape[1] + 1, 1)).copy_(line / line.sum())
    return band[:, padding : padding + length]


def ssim_terms(first: Tensor, second: Tensor, side: int, padding: int, extent: float) -> tuple[Tensor, Tensor]:
    """Maps of luminance and of contrast-structure similarity, whose product is SSIM.

    ``(2 m1 m2 + C1) / (m1^2 + m2^2 + C1)`` and ``(2 s12 + C2) / (s1^2 + s2^2 + C2)`` with local means m, variances s^2
    and covariance s12 under a Gaussian, C1 = (0.01 L)^2, C2 = (0.03 L)^2, L the extent of the values. Images are
    ``[B, K, H, W]``; of K = 1 an image is compared with all of the other's.
    """
    mean_1, mean_2 = _blurred(first, side, padding), _blurred(second, side, padding)
    variance_1 = _blurred(first * first, side, padding) - mean_1**2
    variance_2 = _blurred(second * second, side, padding) - mean_2**2
    covariance = _blurred(first * second, side, padding) - mean_1 * mean_2
    c1, c2 = (0.01 * extent) ** 2, (0.03 * extent) ** 2
    luminance = (2 * mean_1 * mean_2 + c1) / (mean_1**2 + mean_2**2 + c1)
    return luminance, (2 * covariance + c2) / (variance_1 + variance_2 + c2)


def ssim_map(first: Tensor, second: Tensor) -> Tensor:
    """SSIM at each pixel of images in 0..1: Gaussian of 11x11 and standard deviation 1.5, zeros around the images."""
    luminance, structure = ssim_terms(first, second, side=11, padding=5, extent=1.0)
    return luminance * structure


def intensity_gradient_structure(
    infrared: Tensor, visible: Tensor, fused: Tensor, intensity: float, gradient: float
) -> Tensor:
    """Brighter intensity, stronger gradient, and structure in proportion to each image's gradients.

    ``a mean |F - max(I, V)| + b mean ||grad F| - max(|grad I|, |grad V|)| + 10 [1 - s SSIM(I, F) - (1 - s)
    SSIM(V, F)]`` with s the share of the infrared images in the mean of |grad|, which is `sobel_magnitude`.

    Args:
        infrared: in 0..1, as are the others.
        visible: the other source.
        fused: what is compared with both.
        intensity: a.
        gradient: b.
    """
    slope_i, slope_v = sobel_magnitude(infrared), sobel_magnitude(visible)
    share = slope_i.mean() / (slope_i.mean() + slope_v.mean()).clamp_min(1e-12)
    brightness = l1_loss(fused, torch.maximum(infrared, visible))
    texture = l1_loss(sobel_magnitude(fused), torch.maximum(slope_i, slope_v))
    alike = share * ssim_map(infrared, fused).mean() + (1 - share) * ssim_map(visible, fused).mean()
    return intensity * brightness + gradient * texture + 10 * (1 - alike)


def sole_target(image: Tensor) -> Targets:
    """An image as the only reference of each pair: losses against references become ordinary ones."""
    return Targets(image, image.new_ones(len(image), 1))


def weighted(errors: Tensor, weights: Tensor) -> Tensor:
    """Errors ``[B, K, ...]``, averaged over all but the first two axes, weighted, averaged over the batch: a scalar."""
    return (errors.flatten(2).mean(2) * weights).sum(1).mean()


def weighted_squared_error(fused: Tensor, references: Tensor, weights: Tensor) -> Tensor:
    """``sum_k w_k MSE(F, R_k)``."""
    return weighted((fused - references) ** 2, weights)


def weighted_absolute_error(fused: Tensor, references: Tensor, weights: Tensor) -> Tensor:
    """``sum_k w_k mean |F - R_k|``."""
    return weighted((fused - references).abs(), weights)


def weighted_map(
    measure: Callable[[Tensor, Tensor], Tensor], fused: Tensor, references: Tensor, weights: Tensor
) -> Tensor:
    """``sum_k w_k mean m(R_k, F)`` of a measure m that gives maps ``[B, K, H, W]`` of such and ``[B, 1, H, W]``."""
    return weighted(measure(references, fused), weights)


def reference_intensity_laplacian(fused: Tensor, targets: Targets, gradient: float) -> Tensor:
    """``sum_k w_k [MSE(F, R_k) + gradient MSE(lap F, lap R_k)]``."""
    details = weighted_squared_error(laplacian(fused), targets.details(laplacian), targets.weights)
    return weighted_squared_error(fused, targets.images, targets.weights) + gradient * details


def reference_intensity_gradient_structure(
    fused: Tensor, targets: Targets, intensity: float, gradient: float
) -> Tensor:
    """``a sum_k w_k mean |F - R_k| + b sum_k w_k mean ||grad F| - |grad R_k|| + 10 (1 - sum_k w_k SSIM(R_k, F))``.

    The gradient is that of `sobel_magnitude`; a and b are `intensity` and `gradient`.
    """
    images, weights = targets.images, targets.weights
    texture = weighted_absolute_error(sobel_magnitude(fused), targets.details(sobel_magnitude), weights)
    alike = weighted_map(ssim_map, fused, images, weights)
    return intensity * weighted_absolute_error(fused, images, weights) + gradient * texture + 10 * (1 - alike)
