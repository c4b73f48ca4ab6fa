"""Blocks that two or more networks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, gelu, instance_norm, pad
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ivif.fusion.method import FusionError
from ivif.fusion.networks.winograd import Winograd, pays


class BatchStatisticsNorm(nn.Module):
    """Batch normalisation that never normalises by its moving averages.

    ``y = scale (x - mean) / sqrt(variance + eps) + shift``, variance biased. TensorFlow codes that leave the training
    flag on at test time do this. While training, statistics are those of the batch; afterwards those of each image
    alone, which is what a test code that feeds one image at a time computes, and keeps results independent of the
    batch. Moving averages are kept because checkpoints hold them.

    Args:
        channels: of the maps.
        eps: added to the variance. TensorFlow's fused kernel raises 1e-5 to 1.001e-5.
        momentum: share of the newest batch in the moving averages.
        affine_in_eval: False leaves scale and shift out after training, as test codes do that don't load them.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self, channels: int, eps: float = 1.001e-5, momentum: float = 0.1, affine_in_eval: bool = True
    ) -> None:
        super().__init__()
        self.eps, self.momentum, self.affine_in_eval = eps, momentum, affine_in_eval
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` of more than one pixel to the same; after training overwritten if no gradient is wanted."""
        if self.training:
            averages = self.running_mean, self.running_var
            return batch_norm(maps, *averages, self.weight, self.bias, True, self.momentum, self.eps)
        weight, bias = (self.weight, self.bias) if self.affine_in_eval else (None, None)
        if torch.is_grad_enabled():
            return instance_norm(maps, weight=weight, bias=bias, eps=self.eps)
        if in_pixels(maps):
            return _normalised_pixels(maps, weight, bias, self.eps)
        variance, mean = torch.var_mean(maps, (2, 3), correction=0, keepdim=True)
        scale = torch.rsqrt(variance + self.eps)
        scale = scale if weight is None else scale * weight.view(-1, 1, 1)
        maps = maps.sub_(mean).mul_(scale)
        return maps if bias is None else maps.add_(bias.view(-1, 1, 1))


def in_pixels(maps: Tensor) -> bool:
    """Whether maps are whole pixels one after the other, on the processor, in float32."""
    whole = maps.is_contiguous(memory_format=torch.channels_last) and is_channels_last(maps)
    return whole and maps.device.type == "cpu" and maps.dtype == torch.float32 and not torch.compiler.is_exporting()


def _normalised_pixels(maps: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """The same for maps whose channels come last in memory; overwritten."""
    from ivif.fusion.networks import compiled  # Numba takes long to import

    for image in maps.permute(0, 2, 3, 1).flatten(1, 2):
        mean, variance = (torch.from_numpy(moment) for moment in compiled.moments(image.numpy()))
        scale = torch.rsqrt(variance + eps) if weight is None else torch.rsqrt(variance + eps) * weight
        offset = -mean * scale if bias is None else bias - mean * scale
        compiled.scale_and_shift(image.numpy(), scale.float().numpy(), offset.float().numpy())
    return maps


ROWS_AT_ONCE = 64
"""Rows that `convolve_in_bands` makes at a time."""


def convolve_in_bands(
    maps: Tensor, weight: Tensor, bias: Tensor | None, border: int = 0, into: Tensor | None = None
) -> Tensor:
    """A convolution of stride 1, some rows at a time, for large maps and without gradients.

    The padded and rearranged copies that a convolution makes of its input are then of a few rows, not of the image.

    Args:
        maps: ``[B, C, H, W]``.
        weight: ``[out, C, k, k]``.
        bias: ``[out]``.
        border: pixels that are mirrored on each side; with (k - 1) / 2 the size is kept, with 0 the result is smaller.
        into: where the result is written, of its shape: `maps` itself, or what shares no memory with it.
    """
    reach, height = weight.shape[2] - 1, maps.shape[2]
    rows, columns = (side + 2 * border - reach for side in maps.shape[2:])
    if pays(maps, weight):
        convolve: Callable[[Tensor], Tensor] = Winograd(weight, bias)
    else:
        convolve = partial(conv2d, weight=weight, bias=bias)
    shape = len(maps), len(weight), rows, columns
    result = empty_maps(shape, maps, is_channels_last(weight)) if into is None else into
    above = maps[:, :, :0]
    for top in range(0, rows, ROWS_AT_ONCE):
        bottom = min(top + ROWS_AT_ONCE, rows)
        last = bottom - border + reach
        band = torch.cat((above, maps[:, :, top - border + reach if top else 0 : last]), 2)
        if border:
            band = pad(band, (border, border, 0 if top else border, max(0, last - height)), "reflect")
        above = maps[:, :, bottom - border : last].clone()
        result[:, :, top:bottom] = convolve(band)
    return result


def is_channels_last(maps: Tensor) -> bool:
    """Whether the channels of a pixel lie side by side in memory, and those of different pixels apart."""
    return maps.shape[1] > 1 and maps.stride(1) == 1


def empty_maps(shape: tuple[int, int, int, int], like: Tensor, channels_last: bool) -> Tensor:
    """Maps yet to be written, of the type and device of others."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=layout)


class Perceptron(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(channels, hidden), nn.Linear(hidden, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """``[..., C]`` to the same."""
        return self.fc2(gelu(self.fc1(tokens)))


class EdgeConvolution(nn.Module):
    """Convolution that repeats the edges, batch normalisation, ReLU."""

    def __init__(self, channels: int, out: int, kernel: int, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, padding=kernel // 2, padding_mode="replicate", bias=bias)
        self.bn = nn.BatchNorm2d(out)

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, out, H, W]``."""
        return self.bn(self.conv(maps)).relu_()


class Chain(nn.Sequential):
    """Layers that are called one after the other and in no other way, so that they can be joined."""


def fold_batch_norm(network: nn.Module) -> None:
    """Multiply batch normalisations by moving averages into the convolutions before them, for evaluation alone.

    Layers that hold both as `conv` and `bn` are meant, and a `Chain` in which one follows the other.
    `BatchStatisticsNorm` has no constant factors to fold.
    """
    for layer in network.modules():
        names = list(layer._modules) if isinstance(layer, Chain) else ["conv", "bn"]
        for first, second in pairwise(names):
            convolution, norm = getattr(layer, first, None), getattr(layer, second, None)
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(layer, first, fuse_conv_bn_eval(convolution, norm))
                setattr(layer, second, nn.Identity())


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Numbers too small for full precision count as 0 inside, which changes nothing one sees.

    A processor handles them ten times as slowly, and the weights of some networks bring forth many. A graph that is
    exported has no say in it.
    """
    if torch.compiler.is_exporting():
        yield
        return
    before = not torch.full((), 1e-38).mul(1e-3).item()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


EVERYTHING = 2**31
"""Rows, windows or pixels: more than any picture has; its product with a width still fits 64 bits."""

PORTIONS = ("rows_at_once", "windows_at_once", "tokens_at_once", "kept_pixels")
"""Attributes by which layers say how much of an image they handle or keep at a time when no gradient is wanted."""


def handle_whole_images(network: nn.Module) -> None:
    """Make all layers handle images in one piece and keep what is needed again, whatever memory that takes."""
    for layer in network.modules():
        for portion in PORTIONS:
            if hasattr(layer, portion):
                setattr(layer, portion, EVERYTHING)


def require_sides(name: str, image: Tensor, smallest: int) -> None:
    """Refuse an image with a side below `smallest` pixels, which reflection padding cannot extend."""
    height, width = image.shape[-2:]
    if min(height, width) < smallest:
        raise FusionError(f"{name} needs sides of at least {smallest} pixels, found {width}x{height}; enlarge it")


def init_truncated_normal(module: nn.Module, std: float) -> None:
    """Start all convolutions and linear layers with normal weights cut at two standard deviations, and biases of 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def stretch_to_unit(image: Tensor) -> Tensor:
    """Min-max stretch of each image of ``[B, C, H, W]`` to 0..1: ``(x - min) / (max - min)``, 0 if x is constant.

    The image writer of old SciPy versions did this to every array of floats, so all results published from such codes
    span 0..255 exactly. It makes the scale of what comes in irrelevant.
    """
    low, high = image.amin((1, 2, 3), keepdim=True), image.amax((1, 2, 3), keepdim=True)
    extent = high - low
    return (image - low) / torch.where(extent > 0, extent, 1)


def truncate(image: Tensor) -> Tensor:
    """``[B, C, H, W]`` clipped to 0..1 and cut down to whole grey levels, as codes do that cast to bytes."""
    return (image.clamp(0, 1) * 255).floor() / 255


def to_luma_and_chroma(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """RGB ``[B, 3, H, W]`` in 0..1 to Y, Cr, Cb with rounded factors, chroma centred at 0.5: each ``[B, 1, H, W]``.

    OpenCV's documentation has these factors, and codes that convert by hand have them from there.
    """
    red, green, blue = image.split(1, dim=1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, 0.713 * (red - luma) + 0.5, 0.564 * (blue - luma) + 0.5


def from_luma_and_chroma(luma: Tensor, red: Tensor, blue: Tensor) -> Tensor:
    """Inverse of `to_luma_and_chroma` but for rounding; not clipped."""
    red, blue = red - 0.5, blue - 0.5
    return torch.cat((luma + 1.403 * red, luma - 0.714 * red - 0.344 * blue, luma + 1.773 * blue), 1)
