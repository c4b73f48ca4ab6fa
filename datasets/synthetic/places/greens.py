"""Greens: a park with paths, and a field at the edge of a wood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ivif.datasets.synthetic.places import choices
from ivif.datasets.synthetic.places.buildings import Wall
from ivif.datasets.synthetic.places.ground import Ground, Strip
from ivif.datasets.synthetic.places.place import AWAY, Place, steps, storeys, sun_azimuth
from ivif.datasets.synthetic.places.population import Walkway
from ivif.datasets.synthetic.places.world import View, World
from ivif.datasets.synthetic.things.furniture import Fence
from ivif.datasets.synthetic.things.plants import Treeline
from ivif.datasets.synthetic.things.thing import Thing


def compose_park(generator: np.random.Generator) -> Place:
    """Grass with paths, trees, bushes, and a house behind."""
    view = View(
        float(generator.uniform(0.42, 0.58)), float(generator.uniform(0.30, 0.40)), float(generator.uniform(2.2, 3.8))
    )
    turn = float(generator.uniform(0.12, 0.5)) * choices.pick(generator, (-1, 1))
    cross, start, away = float(generator.uniform(13, 18)), float(generator.uniform(-2, 2)), AWAY + turn * 0.8
    material = choices.pick(generator, ("soil", "pavement", "asphalt"))
    paths = (
        Strip(material, (0.0, cross), turn * 0.35, 1.5),
        Strip(material, (start, 8.0), away, 1.7),
    )
    house, style = float(generator.uniform(38, 50)), choices.facade(generator)
    left, width = float(generator.uniform(-22, 4)), float(generator.uniform(14, 24))
    home = replace(style, shops=False)
    things: list[Thing] = [
        Treeline(110.0, -110.0, 110.0, 12.0, choices.GREENS[2], choices.new_seed(generator)),
        Treeline(75.0, -80.0, 80.0, 6.0, choices.GREENS[1], choices.new_seed(generator)),
        Wall(False, house, left, left + width, storeys(generator, style.floor, 1, 3), home),
        Fence((-40.0, house - 5), (40.0, house - 5), 1.1, (0.1, 0.1, 0.1), 0.5),
        *_greenery(generator, paths),
    ]
    colour = choices.pick(generator, choices.LAMP_COLOURS)
    lamps = [
        choices.lamp(generator, start + reach * np.cos(away) - 2.2, 8.0 + reach * np.sin(away), 0.5, colour)
        for reach in steps(generator, (2.0, 4.0), 45, 12.0)
    ]
    for x in (-9.0, 9.5):
        lamps.append(choices.lamp(generator, x, cross + 2.2 + x * np.tan(turn * 0.35), 0.5, colour))
    ways = (
        Walkway((-14.0, 14.0), (cross - 1.4, cross + 1.4), turn * 0.35),
        Walkway((start - 3.5, start + 3.5), (6.8, 14.0), away, cyclists=0.12),
        Walkway((-10.0, 10.0), (14.0, 32.0), away, cyclists=0.12),
    )
    ground = Ground("grass", paths)
    world = World("park", view, ground, tuple(things), tuple(lamps), sun_azimuth=sun_azimuth(generator))
    return Place(world, ways, ((-6.0, 6.0), (8.0, 18.0)), (5, 10), wild=True)


def compose_field(generator: np.random.Generator) -> Place:
    """Meadow and farm track before a wood, with a barn and fences."""
    view = View(
        float(generator.uniform(0.42, 0.58)), float(generator.uniform(0.32, 0.42)), float(generator.uniform(2.0, 3.6))
    )
    turn = float(generator.uniform(-0.35, 0.35))
    start, cross = float(generator.uniform(-3, 3)), float(generator.uniform(15, 24))
    paths = (
        Strip("soil", (0.0, cross + 9), turn * 0.3, 5.0),
        Strip("soil", (start - 0.75, 6.0), AWAY + turn, 0.38),
        Strip("soil", (start + 0.75, 6.0), AWAY + turn, 0.38),
    )
    side = choices.pick(generator, (-1, 1))
    barn, left = float(generator.uniform(34, 48)), side * float(generator.uniform(8, 13)) - 6
    style = replace(choices.facade(generator), shops=False, brick=False, colour=(0.21, 0.12, 0.07), pitch=6.0)
    things: list[Thing] = [
        Treeline(95.0, -100.0, 100.0, 13.0, choices.GREENS[2], choices.new_seed(generator)),
        Treeline(62.0, -70.0, -4.0 + 8 * side, 9.0, choices.GREENS[0], choices.new_seed(generator)),
        Wall(False, barn, left, left + 12.0, 4.6, style),
        Fence((-30.0, cross + 3.0), (30.0, cross + 3.0), 1.2, (0.16, 0.11, 0.07), 1.6),
    ]
    for _ in range(int(generator.integers(3, 7))):
        z = float(generator.uniform(14, 50))
        things.append(choices.tree(generator, float(generator.uniform(-0.6, 0.6)) * z, z, 1.2))
    for _ in range(int(generator.integers(3, 9))):
        z = float(generator.uniform(12, 40))
        x = float(generator.uniform(-0.6, 0.6)) * z
        if abs(x - start) > 2.5:
            things.append(choices.bush(generator, x, z))
    ways = (
        Walkway((start - 1.2, start + 1.2), (7.0, 20.0), AWAY + turn, cyclists=0.15),
        Walkway((-9.0, 9.0), (8.0, cross + 2.0), 0.3),
    )
    world = World("field", view, Ground("grass", paths), tuple(things), (), sun_azimuth=sun_azimuth(generator))
    return Place(world, ways, ((-6.0, 6.0), (8.0, 16.0)), (4, 8), wild=True)


def _greenery(generator: np.random.Generator, paths: tuple[Strip, ...]) -> list[Thing]:
    """Up to nine trees, and bushes, beside the paths."""
    found: list[Thing] = []
    trees = 0
    for _ in range(40):
        z = float(generator.uniform(10, 44))
        x = float(generator.uniform(-0.62, 0.62)) * z
        gap = min(_beyond(path, x, z) for path in paths)
        if gap > 1.0 and trees < 9:
            found.append(choices.tree(generator, x, z, float(generator.uniform(0.8, 1.35))))
            trees += 1
        elif gap > 1.4 and z > 13:
            found.append(choices.bush(generator, x, z))
    return found


def _beyond(path: Strip, x: float, z: float) -> float:
    """Metres from a place to the border of a path, negative on it."""
    _, across = path.coordinates(np.array(x, np.float32), np.array(z, np.float32))
    return abs(float(across)) - path.half
