"""Small folders of pairs to run on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ivif.datasets.images import write_png

NAMES = ("alley", "bridge", "crossing", "Straße 7")


def scene(seed: int, channels: int = 1, height: int = 48, width: int = 64) -> torch.Tensor:
    """Smooth random picture, ``uint8 [channels, H, W]``."""
    random = np.random.default_rng(seed)
    coarse = torch.from_numpy(random.random((1, channels, 6, 8)))
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)[0]
    return (smooth * 240 + torch.from_numpy(random.random((channels, height, width))) * 15).to(torch.uint8)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A folder with ``infrared`` and ``visible`` (colour) holding four pairs."""
    for number, name in enumerate(NAMES):
        write_png(tmp_path / "scenes" / "infrared" / f"{name}.png", scene(number))
        write_png(tmp_path / "scenes" / "visible" / f"{name}.png", scene(number + 50, channels=3))
    return tmp_path / "scenes"
