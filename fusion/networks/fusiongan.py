"""FusionGAN: a generator keeps infrared intensity while a discriminator asks for visible texture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, leaky_relu, linear, pad, tanh

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import BatchStatisticsNorm, convolve_in_bands, init_truncated_normal, stretch_to_unit
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github
from ivif.fusion.weights.renaming import hand_made_layers


def spectral_norm(weight: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """A weight divided by an estimate of its largest singular value, from one power iteration.

    With W the weight as a matrix ``[inputs, outputs]`` and ``|.|`` the Euclidean norm::

        v = u W^T / (|u W^T| + 1e-12),    u' = v W / (|v W| + 1e-12),    sigma = v W u'^T

    As in the authors' graph, gradients flow through u' and v too, not through W and sigma alone.

    Args:
        weight: ``[outputs, ...]`` of a convolution or a linear layer.
        u: ``[1, outputs]``, what the iteration has reached.

    Returns:
        ``weight / sigma`` and u'.

    Paper:
        Miyato et al., Spectral Normalization for Generative Adversarial Networks, ICLR 2018.
    """
    matrix = weight.flatten(1)
    v = _unit(u @ matrix)
    new_u = _unit(v @ matrix.T)
    return weight / (v @ matrix.T @ new_u.T), new_u


def _unit(vector: Tensor) -> Tensor:
    return vector / (vector.norm() + 1e-12)


class _Spectral(nn.Module):
    """What layers with a spectrally normalised weight share: the state of the power iteration."""

    weight: Tensor
    u: Tensor

    def _normal_weight(self, update: bool) -> Tensor:
        """The weight to use: divided by its norm while training, as it is afterwards (the authors' test code)."""
        if not self.training:
            return self.weight
        weight, u = spectral_norm(self.weight, self.u.clone())
        if update:
            self.u.copy_(u.detach())
        return weight


class SpectralConv2d(_Spectral, nn.Conv2d):
    """Convolution without padding whose weight is spectrally normalised while training."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__(channels, out, kernel, stride)
        self.register_buffer("u", nn.init.trunc_normal_(torch.empty(1, out)))

    def forward(self, maps: Tensor, update: bool = True) -> Tensor:
        """``[B, C, H, W]`` to ``[B, out, H', W']``; `update` advances the power iteration for good."""
        if torch.is_grad_enabled() or self.stride != (1, 1):
            return conv2d(maps, self._normal_weight(update), self.bias, self.stride)
        return convolve_in_bands(maps, self._normal_weight(update), self.bias)


class SpectralLinear(_Spectral, nn.Linear):
    """Linear layer whose weight is spectrally normalised while training."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.register_buffer("u", nn.init.trunc_normal_(torch.empty(1, outputs)))

    def forward(self, vectors: Tensor, update: bool = True) -> Tensor:
        """``[B, inputs]`` to ``[B, outputs]``; `update` advances the power iteration for good."""
        return linear(vectors, self._normal_weight(update), self.bias)


class FusionGANGenerator(nn.Module):
    """Five convolutions without padding; 925,633 parameters. Images are grey, in -1..1.

    While training, weights are spectrally normalised and maps by statistics of the batch, with scale and shift. The
    authors' test code builds the network anew with the plain convolutions alone: statistics of the one test image, no
    scale, no shift, and a last layer that is not divided by its norm. Evaluation does the same.

    Paper:
        Ma et al., FusionGAN: A generative adversarial network for infrared and visible image fusion, Information
        Fusion 48, 2019.
    """

    value_range = (-1.0, 1.0)
    border = 6
    """Pixels that a result lacks on each side of the sources."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [(2, 256, 5), (256, 128, 5), (128, 64, 3), (64, 32, 3), (32, 1, 1)]
        self.conv = nn.ModuleDict({f"layer{index}": SpectralConv2d(*size) for index, size in enumerate(sizes, 1)})
        self.bn = nn.ModuleDict(
            {
                f"layer{index}": BatchStatisticsNorm(out, affine_in_eval=False)
                for index, (_, out, _) in enumerate(sizes[:4], 1)
            }
        )
        init_truncated_normal(self, 1e-3)

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 1, H - 12, W - 12]`` in -1..1 of two ``[B, 1, H, W]``."""
        maps = torch.cat((infrared, visible), 1)
        for name, norm in self.bn.items():
            maps = leaky_relu(norm(self.conv[name](maps)), 0.2, inplace=True)
        return tanh(self.conv["layer5"](maps))


class FusionGANDiscriminator(nn.Module):
    """Tells visible from fused patches of 120x120; 397,953 parameters.

    The score is free of bounds (least-squares losses): near 1 for visible, near 0 for fused.
    """

    renaming = (
        *hand_made_layers("discriminator", r"layer_\d", "conv"),
        *hand_made_layers("discriminator", r"line_\d", "linear"),
    )
    """Of its variables, which published checkpoints hold beside the generator's."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [(1, 32), (32, 64), (64, 128), (128, 256)]
        self.conv = nn.ModuleDict(
            {f"layer_{index}": SpectralConv2d(*size, 3, stride=2) for index, size in enumerate(sizes, 1)}
        )
        self.bn = nn.ModuleDict(
            {f"layer_{index}": BatchStatisticsNorm(out) for index, (_, out) in enumerate(sizes[1:], 2)}
        )
        self.linear = nn.ModuleDict({"line_5": SpectralLinear(6 * 6 * 256, 1)})
        init_truncated_normal(self, 1e-3)

    def forward(self, image: Tensor, update: bool = True) -> Tensor:
        """Score ``[B, 1]`` of ``[B, 1, 120, 120]`` in -1..1.

        Args:
            image: patches, all real or all fused (normalisation is over the batch).
            update: advance the power iterations; the authors do so on real patches only.
        """
        maps = leaky_relu(self.conv["layer_1"](image, update), 0.2)
        for name, norm in self.bn.items():
            maps = leaky_relu(norm(self.conv[name](maps, update)), 0.2, inplace=True)
        # Channels last, so that the linear layer's weight is in the order of the published checkpoints.
        return self.linear["line_5"](maps.permute(0, 2, 3, 1).flatten(1), update)


@register
class FusionGANMethod(NetworkMethod):
    """FusionGAN as its authors test it: edges repeated 6 pixels outwards, and the min-max stretch on saving."""

    name = "fusiongan"
    title = "FusionGAN"
    paper = (
        "Ma, Yu, Liang, Li, Jiang, FusionGAN: A generative adversarial network for infrared and visible image fusion, "
        "Information Fusion 48, 2019"
    )
    module = FusionGANGenerator
    renaming = hand_made_layers("fusion_model", r"\w+", "conv")
    channels_last = True
    published = github(
        "jiayi-ma/FusionGAN",
        {
            "checkpoint/CGAN_120/CGAN.model-3.index": None,
            "checkpoint/CGAN_120/CGAN.model-3.data-00000-of-00001": None,
        },
        trained_on=("tno",),
    )

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Scale to -1..1, pad, fuse, stretch."""
        border = [FusionGANGenerator.border] * 4
        return stretch_to_unit(
            self.network(pad(2 * infrared - 1, border, "replicate"), pad(2 * visible - 1, border, "replicate"))
        )
