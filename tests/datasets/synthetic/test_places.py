"""Places: what a condition puts into them."""

from __future__ import annotations

import numpy as np

from ivif.datasets.synthetic import conditions
from ivif.datasets.synthetic.places.composition import compose


def test_crowds_and_distractors() -> None:
    usual, crowd = (
        np.mean([len(compose(seed, conditions.BY_NAME[name]).people) for seed in range(8)]) for name in ("day", "crowd")
    )
    assert crowd > 2 * usual
    world = compose(4, conditions.BY_NAME["distractors"])
    kinds = {type(thing).__name__ for thing in world.things}
    assert {"Poster", "Dummy"} <= kinds
    assert world.animals or world.indoors
