"""Crossover, exactly: rendered scenes once more, with people as warm as what is behind them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache

from torch import Tensor

from ivif.datasets.errors import PairError
from ivif.datasets.files import sha256_bytes
from ivif.datasets.identity import code_fingerprint
from ivif.datasets.synthetic.scene import SyntheticScene
from ivif.datasets.synthetic.suite import Item, rendered_items


@dataclass(frozen=True)
class CrossoverRendering:
    """The infrared picture of a rendered scene whose people have lost a share of their contrast.

    Attributes:
        item: which frame of which scene.
        size: (width, height) in pixels.
        share: 0: as warm as they were, 1: as warm as what is behind them.
    """

    item: Item
    size: tuple[int, int]
    share: float

    def read(self) -> Tensor:
        """The picture, ``uint8 [1, H, W]``."""
        item = self.item
        scene = SyntheticScene(item.seed, item.condition, self.size, pan=item.pan, crossover=self.share)
        return scene.render(item.frame).infrared

    def fingerprint(self) -> str:
        """Of the scene and of the renderer's code."""
        return sha256_bytes(f"{json.dumps(asdict(self))} {code_fingerprint(CrossoverRendering.read)}".encode())


def crossover_source(data: str, pair: str, share: float, seed: int) -> CrossoverRendering:
    """The infrared picture of a pair of a rendered data set, see `CrossoverRendering`.

    Args:
        data: the data set's name.
        pair: the pair's name.
        share: of people's contrast that is lost.
        seed: that the data set was rendered with.

    Raises:
        PairError: it has no such pair.
    """
    items, size = _items(data, seed)
    if pair not in items:
        raise PairError(f"{data} was not rendered with a pair {pair}")
    return CrossoverRendering(items[pair], size, share)


@lru_cache(maxsize=4)
def _items(data: str, seed: int) -> tuple[dict[str, Item], tuple[int, int]]:
    items, size = rendered_items(data, seed)
    return {item.name: item for item in items}, size
