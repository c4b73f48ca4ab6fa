"""SDNet: squeeze both sources into one image, and train it so that they can be decomposed from it again."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, tanh

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import init_truncated_normal, stretch_to_unit
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github
from ivif.fusion.weights.renaming import hand_made_layers


class SDNet(nn.Module):
    """Squeeze network (layers 1 to 5; 28,705 parameters) and decomposition heads (6 to 9); 67,091 in all.

    One path a source, each layer reading all earlier ones of its path; no normalisation. Images are grey, in -1..1.

    Paper:
        Zhang and Ma, SDNet: A Versatile Squeeze-and-Decomposition Network for Real-Time Image Fusion, IJCV 2021.
    """

    value_range = (-1.0, 1.0)

    def __init__(self) -> None:
        super().__init__()
        sizes = {"layer1": (1, 16, 5), "layer2": (16, 16, 3), "layer3": (32, 16, 3), "layer4": (48, 16, 3)}
        sizes |= {"layer7": (128, 16, 3), "layer8": (16, 4, 3), "layer9": (4, 1, 3)}
        self.conv = nn.ModuleDict(
            {
                f"{name}_{path}": nn.Conv2d(channels, out, kernel, padding="same")
                for name, (channels, out, kernel) in sizes.items()
                for path in ("ir", "vi")
            }
        )
        self.conv["layer5_fuse"] = nn.Conv2d(128, 1, 1)
        self.conv["layer6_sept"] = nn.Conv2d(1, 128, 1)
        init_truncated_normal(self, 1e-3)

    def _layer(self, name: str, *maps: Tensor) -> Tensor:
        return leaky_relu(self.conv[name](torch.cat(maps, 1)), 0.2)

    def _path(self, path: str, image: Tensor) -> list[Tensor]:
        maps = [self._layer(f"layer1_{path}", image)]
        for index in (2, 3, 4):
            maps.append(self._layer(f"layer{index}_{path}", *maps))
        return maps

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 1, H, W]`` in -1..1 of two such."""
        pairs = zip(self._path("ir", infrared), self._path("vi", visible), strict=True)
        return tanh(self.conv["layer5_fuse"](torch.cat([maps for pair in pairs for maps in pair], 1)))

    def decompose(self, fused: Tensor) -> tuple[Tensor, Tensor]:
        """The infrared and the visible image as recovered from a fused one; used in training alone."""
        shared = self._layer("layer6_sept", fused)
        infrared, visible = (
            tanh(self.conv[f"layer9_{path}"](self._layer(f"layer8_{path}", self._layer(f"layer7_{path}", shared))))
            for path in ("ir", "vi")
        )
        return infrared, visible


@register
class SDNetMethod(NetworkMethod):
    """SDNet as its authors test it: with the min-max stretch on saving.

    The authors put colour back with studio-range YCbCr formulas outside the network; here the colour policy is the
    same for all methods (`FusionMethod.fuse`).
    """

    name = "sdnet"
    title = "SDNet"
    paper = (
        "Zhang, Ma, SDNet: A Versatile Squeeze-and-Decomposition Network for Real-Time Image Fusion, International "
        "Journal of Computer Vision 129, 2021"
    )
    module = SDNet
    renaming = hand_made_layers("fusion_model", r"\w+", "conv")
    published = github(
        "HaoZhang1018/SDNet",
        {
            "IR_VIS/checkpoint/IRVIS.model-10.index": (
                "bed2d4628732a36bc972de1189c4e139d8bc233077da20156e8e662a17df35aa"
            ),
            "IR_VIS/checkpoint/IRVIS.model-10.data-00000-of-00001": (
                "17e4426453f09f3dae7887244f48eed54550bdd584792ac284597ee3713293a0"
            ),
        },
        trained_on=("tno",),
    )
    channels_last = True

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Scale to -1..1, fuse, stretch."""
        return stretch_to_unit(self.network(2 * infrared - 1, 2 * visible - 1))
