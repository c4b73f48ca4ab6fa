"""IFCNN: features of a classifier's first layer, fused by maximum, sum or mean; made for any number of sources."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import EdgeConvolution, truncate
from ivif.fusion.registry import register
from ivif.fusion.weights.published import PublishedWeights, github

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue in ImageNet, whose classifier the first layer is from."""


class IFCNNMax(nn.Module):
    """Two layers for each source, element-wise fusion, two layers for the result; 83,587 parameters.

    Images have three channels, either in 0..1 or normalised by ImageNet's mean and deviation, and so is the result.

    Paper:
        Zhang et al., IFCNN: A general image fusion framework based on convolutional neural network, Information
        Fusion 54, 2020.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, padding=3, padding_mode="replicate", bias=False)
        self.conv2, self.conv3 = (EdgeConvolution(64, 64, 3, bias=False) for _ in range(2))
        self.conv4 = nn.Conv2d(64, 3, 1)

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 3, H, W]`` of two such."""
        first, second = (self.conv2(self.conv1(image)) for image in (infrared, visible))
        return self.conv4(self.conv3(self.combine(first, second)))

    def combine(self, first: Tensor, second: Tensor) -> Tensor:
        """Maps ``[B, 64, H, W]`` of both sources to those of the result."""
        return torch.maximum(first, second)


class IFCNNSum(IFCNNMax):
    """The same with the sum of maps."""

    def combine(self, first: Tensor, second: Tensor) -> Tensor:
        """See `IFCNNMax`."""
        return first + second


class IFCNNMean(IFCNNMax):
    """The same with the mean of maps."""

    def combine(self, first: Tensor, second: Tensor) -> Tensor:
        """See `IFCNNMax`."""
        return (first + second) / 2


def _checkpoint(rule: str, sha256: str) -> PublishedWeights:
    return github(
        "uzeful/IFCNN",
        {f"Code/snapshots/IFCNN-{rule}.pth": sha256},
        commit="8fe59c2b1553e52acc793986208ca479d134a8da",
        trained_on=("nyu-d2", "imagenet"),
    )


class _IFCNNMethod(NetworkMethod):
    """What the three have in common: colour images, normalised like ImageNet's, as results in VIFB were made.

    The authors' own demonstration of infrared and visible images is grey and not normalised.
    """

    paper = (
        "Zhang, Liu, Sun, Yan, Zhao, Zhang, IFCNN: A general image fusion framework based on convolutional neural "
        "network, Information Fusion 2020"
    )
    published_alone = True
    channels_last = True
    input = "rgb"
    tile = 1024
    margin = 5
    """A convolution of 7x7 and two of 3x3 lie between a source pixel and the result."""

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Normalise, run the network, scale back, cut down to grey levels."""
        mean, deviation = (visible.new_tensor(values).view(-1, 1, 1) for values in (_MEAN, _DEVIATION))
        fused = self.network((infrared - mean) / deviation, (visible - mean) / deviation)
        return truncate(fused * deviation + mean)


@register
class IFCNNMaxMethod(_IFCNNMethod):
    """IFCNN with the maximum, its authors' choice for infrared and visible images."""

    name = "ifcnn_max"
    title = "IFCNN-MAX"
    module = IFCNNMax
    published = _checkpoint("MAX", "6022b44c88a2f0367ba9b08fcdf0d663745d9a966fca0ee1f41867797b6ff53f")


@register
class IFCNNSumMethod(_IFCNNMethod):
    """IFCNN with the sum."""

    name = "ifcnn_sum"
    title = "IFCNN-SUM"
    module = IFCNNSum
    published = _checkpoint("SUM", "a8c1d293f1bf16a93e6244a4bf8f7a7bd300dc10555c8597ad7ef3320b0410cb")


@register
class IFCNNMeanMethod(_IFCNNMethod):
    """IFCNN with the mean, its authors' choice for several exposures."""

    name = "ifcnn_mean"
    title = "IFCNN-MEAN"
    module = IFCNNMean
    published = _checkpoint("MEAN", "fd2ee9361f1d428fc9749e28e8a2c5c5ef6ce6528ab6f5ad8ef5def42e7ffa4b")
