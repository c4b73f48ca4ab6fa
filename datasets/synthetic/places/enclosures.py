"""Enclosures: a yard between houses, and a hall under a roof."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ivif.datasets.synthetic.places import choices
from ivif.datasets.synthetic.places.buildings import Style, Wall
from ivif.datasets.synthetic.places.ceiling import Ceiling
from ivif.datasets.synthetic.places.ground import Ground, Marking, Strip
from ivif.datasets.synthetic.places.place import AWAY, Place, steps, storeys, sun_azimuth
from ivif.datasets.synthetic.places.population import Walkway
from ivif.datasets.synthetic.places.world import View, World
from ivif.datasets.synthetic.things.furniture import Crate, Lamp, Post
from ivif.datasets.synthetic.things.thing import Thing


def compose_yard(generator: np.random.Generator) -> Place:
    """A paved yard closed by houses on three sides, with parked cars, containers and a tree."""
    view = View(
        float(generator.uniform(0.42, 0.58)), float(generator.uniform(0.30, 0.40)), float(generator.uniform(2.4, 4.2))
    )
    half, back = float(generator.uniform(7.5, 10.5)), float(generator.uniform(19, 27))
    bays = Strip("asphalt", (0.0, 10.0), AWAY, half - 2.2, False, _bays(half))
    ground = Ground("pavement", (bays,), choices.covers(generator, (-half + 2, half - 2), (8, back - 3), 3))
    things: list[Thing] = []
    for side in (-1, 1):
        style = replace(choices.facade(generator), shops=False)
        things.append(Wall(True, side * half, 2.5, back + 0.5, storeys(generator, style.floor, 2, 4), style))
        things += [
            Post(side * (half - 0.9), z, 0.9, 0.07, (0.12, 0.12, 0.12)) for z in steps(generator, (8, 10), back, 3)
        ]
    style = replace(choices.facade(generator), shops=bool(generator.random() < 0.4))
    things.append(Wall(False, back, -half - 1, half + 1, storeys(generator, style.floor, 2, 4), style))
    for z in steps(generator, (10.5, 12.0), back - 3, 3.0):
        if generator.random() < 0.55:
            side = choices.pick(generator, (-1, 1))
            warmth = choices.pick(generator, (0.0, 0.0, 0.6))
            things.append(choices.car(generator, side * (half - 4.4), z, 0.0 if side < 0 else np.pi, warmth=warmth))
    for x in steps(generator, (-half + 2.5, -half + 4), half - 2, 2.6):
        if generator.random() < 0.5:
            things.append(choices.container(generator, x, back - 1.2, 0.0))
    if generator.random() < 0.6:
        things.append(
            choices.tree(generator, float(generator.uniform(-2.5, 2.5)), float(generator.uniform(13, back - 4)), 0.8)
        )
    colour = choices.pick(generator, choices.LAMP_COLOURS)
    lamps: list[Lamp] = [
        replace(choices.lamp(generator, side * (half - 0.5), z, -side * 0.8, colour), height=4.4)
        for side in (-1, 1)
        for z in steps(generator, (8, 11), back, 8.5)
    ]
    ways = (
        Walkway((-half + 5.0, half - 5.0), (6.8, back - 3.0), AWAY, cyclists=0.12),
        Walkway((-half + 4.0, half - 4.0), (6.8, 9.8), 0.0),
        Walkway((-half + 1.0, -half + 1.8), (8.0, back - 2.0), AWAY),
        Walkway((half - 1.8, half - 1.0), (8.0, back - 2.0), AWAY),
    )
    world = World("yard", view, ground, tuple(things), tuple(lamps), sun_azimuth=sun_azimuth(generator))
    return Place(world, ways, ((-half + 4.5, half - 4.5), (7.5, back - 4.0)), (5, 10))


def _bays(half: float) -> tuple[Marking, ...]:
    """Lines between parking bays on both sides of a yard."""
    reach = half - 2.2
    return tuple(Marking(band, (0.0, 30.0), 3.0, 0.1) for band in ((-reach, -reach + 4.2), (reach - 4.2, reach)))


def compose_hall(generator: np.random.Generator) -> Place:
    """A station or exhibition hall: tiled floor, pillars, light panels under the ceiling, doors and benches."""
    view = View(
        float(generator.uniform(0.42, 0.58)), float(generator.uniform(0.34, 0.44)), float(generator.uniform(2.2, 3.4))
    )
    half, back, tall = (
        float(generator.uniform(6.5, 9.0)),
        float(generator.uniform(24, 34)),
        float(generator.uniform(4.6, 6.2)),
    )
    style = _hall_style(generator, tall)
    things: list[Thing] = [Ceiling(tall, half + 1, back, choices.new_seed(generator))]
    things += [Wall(True, side * half, 2.0, back + 0.5, tall, style) for side in (-1, 1)]
    things.append(
        Wall(False, back, -half - 1, half + 1, tall, replace(style, shops=True, seed=choices.new_seed(generator)))
    )
    colour = choices.pick(generator, ((0.55, 0.54, 0.50), (0.30, 0.31, 0.33), (0.42, 0.36, 0.28)))
    for side in (-1, 1):
        x = side * (half - 2.6)
        things += [Crate(x, z, 0.5, 0.5, tall, 0.0, colour, 0.3) for z in steps(generator, (9.0, 11.0), back - 2, 6.0)]
    for z in steps(generator, (10, 13), back - 4, 5.5):
        if generator.random() < 0.6:
            things.append(choices.bench(choices.pick(generator, (-1, 1)) * (half - 1.2), z, AWAY))
    if generator.random() < 0.7:
        desk = Crate(float(generator.uniform(-2, 2)), back - 4.5, 1.0, 3.2, 1.15, 0.0, (0.30, 0.22, 0.14), 0.2)
        things.append(desk)
    things.append(choices.running_machine(generator, -half + 0.6, float(generator.uniform(12, back - 5)), AWAY))
    ways = (
        Walkway((-half + 3.2, half - 3.2), (6.5, back - 6.0), AWAY),
        Walkway((-half + 3.0, half - 3.0), (6.5, 14.0), 0.0),
        Walkway((-half + 1.0, -half + 2.0), (9.0, back - 3.0), AWAY),
    )
    world = World("hall", view, Ground("tiles"), tuple(things), (), sun_azimuth=-0.8, indoors=True)
    return Place(world, ways, ((-half + 3.4, half - 3.4), (8.0, back - 6.0)), (6, 12))


def _hall_style(generator: np.random.Generator, tall: float) -> Style:
    """Plastered walls with high windows."""
    return replace(
        choices.facade(generator),
        colour=choices.pick(generator, ((0.45, 0.43, 0.39), (0.36, 0.38, 0.38), (0.44, 0.38, 0.28))),
        brick=bool(generator.random() < 0.2),
        floor=tall - 0.7,
        pitch=float(generator.uniform(3.4, 5.0)),
        window=(float(generator.uniform(1.6, 2.6)), tall - 3.0),
        sill=1.9,
        shops=False,
    )
