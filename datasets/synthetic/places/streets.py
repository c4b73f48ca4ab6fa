"""Streets: a road between houses, and a square with a road before houses."""

from __future__ import annotations

import numpy as np

from ivif.datasets.synthetic.places import choices
from ivif.datasets.synthetic.places.buildings import Wall
from ivif.datasets.synthetic.places.ground import Ground, Marking, Strip
from ivif.datasets.synthetic.places.place import AWAY, Place, steps, storeys, sun_azimuth
from ivif.datasets.synthetic.places.population import Walkway
from ivif.datasets.synthetic.places.world import View, World
from ivif.datasets.synthetic.things.furniture import Lamp, Post
from ivif.datasets.synthetic.things.plants import Treeline
from ivif.datasets.synthetic.things.thing import Thing


def _road_lines(half: float, crossing: float, bars: float) -> tuple[Marking, ...]:
    """Edge lines, a zebra crossing of `bars` metres from `crossing` on, a broken centre line on both sides of it."""
    return (
        Marking((-0.07, 0.07), (-200.0, crossing - 1.5), 6.0, 3.0),
        Marking((-0.07, 0.07), (crossing + bars + 1.5, 200.0), 6.0, 3.0),
        Marking((-half + 0.25, -half + 0.37), (-200.0, 300.0)),
        Marking((half - 0.37, half - 0.25), (-200.0, 300.0)),
        Marking((-half + 0.5, half - 0.5), (crossing, crossing + bars), 1.0, 0.5, bars_across=True),
    )


def _tracks(half: float) -> tuple[float, ...]:
    """Where wheels roll on a road of two lanes."""
    return tuple(lane * half / 2 + wheel for lane in (-1, 1) for wheel in (-0.7, 0.7))


def compose_street(generator: np.random.Generator) -> Place:
    """A road that runs away from the camera between houses."""
    view = View(
        float(generator.uniform(0.38, 0.62)), float(generator.uniform(0.33, 0.42)), float(generator.uniform(2.3, 3.6))
    )
    middle, half, walk = float(generator.uniform(-1.2, 1.2)), 3.3, float(generator.uniform(3.0, 4.2))
    crossing = float(generator.uniform(9.5, 15))
    road = Strip("asphalt", (middle, 0.0), AWAY, half, True, _road_lines(half, crossing, 3.2), _tracks(half))
    ground = Ground("pavement", (road,), choices.covers(generator, (middle - 2.5, middle + 2.5), (8, 22), 3))
    things: list[Thing] = [Treeline(130.0, -120.0, 120.0, 10.0, choices.GREENS[2], choices.new_seed(generator))]
    lamps: list[Lamp] = []
    colour = choices.pick(generator, choices.LAMP_COLOURS)
    for side in (-1, 1):
        things += _row_of_houses(generator, middle + side * (half + walk), side)
        kerb = middle + side * (half + 0.7)
        things += [choices.tree(generator, kerb, z, 0.8) for z in steps(generator, (16, 24), 75, 13.0)]
        lamps += [choices.lamp(generator, kerb, z, -side * 0.9, colour) for z in steps(generator, (9, 15), 80, 17.0)]
        posts = (crossing - 1.2, crossing + 4.4)
        things += [Post(kerb - side * 0.2, z, 0.95, 0.075, (0.12, 0.12, 0.12)) for z in posts]
    things.append(choices.sign(generator, middle + half + 0.6, crossing - 0.6))
    things += _parked(generator, middle + half - 1.05, crossing + 8)
    start = float(generator.uniform(24, 40))
    moving = choices.car(generator, middle - half / 2, start, -AWAY, 6.0, 1.0, start - crossing - 6.5)
    pavements = []
    for side in (-1, 1):
        left, right = sorted((middle + side * (half + 1.1), middle + side * (half + walk - 0.6)))
        pavements.append(Walkway((left, right), (6.5, 34.0), AWAY))
    zebra = Walkway((middle - half, middle + half), (crossing + 0.4, crossing + 2.8), 0.0)
    edge = middle + half - 0.9
    lane = Walkway((edge - 0.3, edge + 0.3), (8.0, 26.0), AWAY, cyclists=1.0)
    world = World("street", view, ground, tuple(things), tuple(lamps), (moving,), sun_azimuth=sun_azimuth(generator))
    near = pavements[int(generator.integers(2))]
    return Place(world, (*pavements, *pavements, *pavements, zebra, lane), (near.x, (7.0, 16.0)))


def _row_of_houses(generator: np.random.Generator, face: float, side: int) -> list[Thing]:
    """Houses along a receding street, their fronts at x = `face`."""
    walls: list[Thing] = []
    z = float(generator.uniform(3, 6))
    while z < 95:
        length, style = float(generator.uniform(10, 20)), choices.facade(generator)
        tall = storeys(generator, style.floor, 2, 4)
        walls.append(Wall(True, face, z, z + length, tall, style))
        left, right = sorted((face, face + side * 14))
        # Its gable, a little behind the corner it shares with the front.
        walls.append(Wall(False, z + 0.01, left, right, tall, style))
        z += length + (float(generator.uniform(2, 5)) if generator.random() < 0.35 else 0.0)
    return walls


def _parked(generator: np.random.Generator, x: float, start: float) -> list[Thing]:
    """Cars parked along the right-hand kerb of a receding street, a few still warm."""
    cars: list[Thing] = []
    for z in np.arange(start, 60, 6.2):
        if generator.random() < 0.65:
            heading = -AWAY if generator.random() < 0.3 else AWAY
            cars.append(choices.car(generator, x, float(z), heading, warmth=choices.pick(generator, (0.0, 0.0, 0.5))))
    return cars


def compose_square(generator: np.random.Generator) -> Place:
    """A road across the picture in front of a row of houses."""
    view = View(0.5, float(generator.uniform(0.30, 0.38)), float(generator.uniform(2.8, 4.6)))
    near, half = float(generator.uniform(10.0, 12.5)), 3.2
    middle = near + half
    crossing, bars = float(generator.uniform(-4, 2)), 3.6
    road = Strip("asphalt", (0.0, middle), 0.0, half, True, _road_lines(half, crossing, bars), _tracks(half))
    lawn = Strip("grass", (0.0, middle + half + 5.0), 0.0, 1.3)
    ground = Ground("pavement", (road, lawn), choices.covers(generator, (-5, 5), (7, middle + 2), 4))
    far_edge, near_edge = middle + half + 0.7, near - 0.8
    things: list[Thing] = [Treeline(120.0, -120.0, 120.0, 11.0, choices.GREENS[0], choices.new_seed(generator))]
    things += _skyline(generator, far_edge + float(generator.uniform(6.3, 11)))
    colour = choices.pick(generator, choices.LAMP_COLOURS)
    lamps = [choices.lamp(generator, x, far_edge, 0.8, colour) for x in steps(generator, (-20, -12), 24, 10.0)]
    place = choices.pick(generator, (-1, 1)) * float(generator.uniform(2.5, 4.5))
    lamps.append(choices.lamp(generator, place, near_edge - 0.5, 0.7, colour))
    for x in steps(generator, (-20, -14), 22, 8.5):
        if generator.random() < 0.7:
            things.append(choices.tree(generator, x, far_edge + 4.0, 0.9))
    things += [choices.bush(generator, float(x), far_edge + 4.4) for x in generator.uniform(-14, 14, 5)]
    free = crossing - 0.3, crossing + bars + 0.3
    posts = [x for x in np.arange(-9.0, 10, 1.8) if not free[0] < x < free[1]]
    things += [Post(float(x), near_edge, 0.9, 0.09, (0.33, 0.31, 0.27)) for x in posts]
    things.append(choices.sign(generator, crossing - 0.9, near - 0.5))
    for x in steps(generator, (-18, -15), 20, 6.0):
        if generator.random() < 0.5 and not free[0] - 4 < x < free[1] + 4:
            warmth = choices.pick(generator, (0.0, 0.4, 0.7))
            things.append(choices.car(generator, x, middle + half - 1.0, 0.0, warmth=warmth))
    start = float(generator.uniform(-13, -9))
    moving = choices.car(generator, start, middle - half / 2 + 0.2, 0.0, 6.0, 1.0, max(0.5, crossing - 3.5 - start))
    ways = (
        Walkway((-8.0, 8.0), (6.4, near_edge - 0.7), 0.0),
        Walkway((-14.0, 14.0), (far_edge + 0.8, far_edge + 2.8), 0.0),
        Walkway((crossing + 0.3, crossing + bars - 0.3), (near, middle + half), AWAY),
    )
    lane = Walkway((-9.0, 9.0), (near + 0.5, near + 1.0), 0.0, cyclists=1.0)
    world = World("square", view, ground, tuple(things), tuple(lamps), (moving,), sun_azimuth=sun_azimuth(generator))
    return Place(world, (ways[0], *ways, *ways, lane), ((-5.0, 5.0), (7.0, near_edge - 1.0)))


def _skyline(generator: np.random.Generator, front: float) -> list[Thing]:
    """Houses that face the camera at about z = `front`, with gaps."""
    walls: list[Thing] = []
    x = -float(generator.uniform(30, 38))
    while x < 34:
        width, style = float(generator.uniform(9, 17)), choices.facade(generator)
        tall, place = storeys(generator, style.floor, 2, 4), front + float(generator.uniform(0, 1.5))
        walls.append(Wall(False, place, x, x + width, tall, style))
        # Of the gables, the camera sees the one that is turned to the middle.
        if x > 0.5:
            walls.append(Wall(True, x, place + 0.01, place + 12, tall, style))
        elif x + width < -0.5:
            walls.append(Wall(True, x + width, place + 0.01, place + 12, tall, style))
        x += width + (float(generator.uniform(3, 6)) if generator.random() < 0.4 else 0.0)
    return walls
