"""PMGI: two paths that see both sources in unequal proportion, with exchange between them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, tanh

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import BatchStatisticsNorm, init_truncated_normal, stretch_to_unit
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github
from ivif.fusion.weights.renaming import hand_made_layers

_LAYERS = {"layer1": (3, 5), "layer2": (16, 3), "layer2_3": (32, 1), "layer3": (48, 3), "layer3_4": (32, 1)}
_LAYERS |= {"layer4": (64, 3)}
"""Input channels and kernel size of the layers that both paths have; all give 16 channels."""


class PMGI(nn.Module):
    """Gradient-intensity network; 42,017 parameters, 384 of them in batch normalisation.

    The infrared path reads (IR, IR, VIS), the visible one (VIS, VIS, IR). Each layer sees all earlier ones of its
    path; after layers 2 and 3 both paths read a 1x1 mixture of their outputs. Images are grey, in -1..1.

    Training normalises by statistics of the batch, with trained scale and shift. The authors' test code builds the
    network anew with convolutions alone from the checkpoint: statistics of the one test image, no scale, no shift.
    Both are kept (`BatchStatisticsNorm`), for the published results come from it.

    Paper:
        Zhang et al., Rethinking the Image Fusion: A Fast Unified Image Fusion Network based on Proportional
        Maintenance of Gradient and Intensity, AAAI 2020.
    """

    value_range = (-1.0, 1.0)

    def __init__(self) -> None:
        super().__init__()
        layers = {f"{name}{path}": sizes for name, sizes in _LAYERS.items() for path in ("", "_vi")}
        self.conv = nn.ModuleDict(
            {name: nn.Conv2d(channels, 16, kernel, padding="same") for name, (channels, kernel) in layers.items()}
        )
        self.conv["layer5"] = nn.Conv2d(128, 1, 1)
        self.bn = nn.ModuleDict({name: BatchStatisticsNorm(16, affine_in_eval=False) for name in layers})
        init_truncated_normal(self, 1e-3)

    def _layer(self, name: str, *maps: Tensor) -> Tensor:
        return leaky_relu(self.bn[name](self.conv[name](torch.cat(maps, 1))), 0.2, inplace=True)

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 1, H, W]`` in -1..1 of two such."""
        ir1 = self._layer("layer1", infrared, infrared, visible)
        vi1 = self._layer("layer1_vi", visible, visible, infrared)
        ir2, vi2 = self._layer("layer2", ir1), self._layer("layer2_vi", vi1)
        ir23, vi23 = self._layer("layer2_3", ir2, vi2), self._layer("layer2_3_vi", ir2, vi2)
        ir3, vi3 = self._layer("layer3", ir1, ir2, ir23), self._layer("layer3_vi", vi1, vi2, vi23)
        ir34, vi34 = self._layer("layer3_4", ir3, vi3), self._layer("layer3_4_vi", ir3, vi3)
        ir4, vi4 = self._layer("layer4", ir1, ir2, ir3, ir34), self._layer("layer4_vi", vi1, vi2, vi3, vi34)
        return tanh(self.conv["layer5"](torch.cat((ir1, vi1, ir2, vi2, ir3, vi3, ir4, vi4), 1)))


@register
class PMGIMethod(NetworkMethod):
    """PMGI as its authors test it: statistics of the whole image, and the min-max stretch on saving."""

    name = "pmgi"
    title = "PMGI"
    paper = (
        "Zhang, Xu, Xiao, Guo, Ma, Rethinking the Image Fusion: A Fast Unified Image Fusion Network based on "
        "Proportional Maintenance of Gradient and Intensity, AAAI 2020"
    )
    module = PMGI
    renaming = hand_made_layers("fusion_model", r"\w+", "conv")
    channels_last = True
    published = github(
        "HaoZhang1018/PMGI_AAAI2020",
        {
            "Code_PMGI/IR_VI/checkpoint/CGAN_120/CGAN.model-1.index": (
                "043868b3410d237300f80d1d023192f01bd5fd3d7360c2832ffdeb90c01939ea"
            ),
            "Code_PMGI/IR_VI/checkpoint/CGAN_120/CGAN.model-1.data-00000-of-00001": (
                "005d29cd3fdbf3805369a8372ce3fb15190905db6aed7dee661880776b8cfccf"
            ),
        },
        trained_on=("tno",),
    )

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Scale to -1..1, fuse, stretch."""
        return stretch_to_unit(self.network(2 * infrared - 1, 2 * visible - 1))
