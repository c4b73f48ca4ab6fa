"""Layouts: the kinds of places scenes are set in, composed from a seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from datasets.synthetic import stock
from datasets.synthetic.buildings import Wall
from datasets.synthetic.furniture import Fence, Lamp, Post
from datasets.synthetic.ground import Ground, Marking, Strip
from datasets.synthetic.plants import Treeline
from datasets.synthetic.population import Walkway, populate
from datasets.synthetic.vehicles import Vehicle
from datasets.synthetic.world import Thing, View, World, obstacles

AWAY = np.pi / 2
"""The direction that leads away from the camera."""


def compose(seed: int, oncoming: bool = False) -> World:
    """The world of a seed; `oncoming` adds a car that drives towards the camera."""
    generator = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    layout = stock.pick(generator, (compose_street, compose_square, compose_park))
    world = layout(generator)
    return _with_oncoming(world) if oncoming else world


def _with_oncoming(world: World) -> World:
    """The same world with a slow car that faces the camera."""
    x, z = {"street": (-1.8, 22.0), "square": (1.5, 16.5), "park": (0.5, 20.0)}[world.layout]
    car = Vehicle(x, z, -AWAY - x / z, "sedan", stock.CAR_COLOURS[5], 1.2, 1.0, True, room=2.5)
    others = tuple(other for other in world.vehicles if np.hypot(other.x - x, other.z - z) > 8)
    return replace(world, vehicles=(*others, car))


def _sun(generator: np.random.Generator) -> float:
    """Sunlight from the side and from behind the camera: radians from the x axis towards z."""
    return stock.pick(generator, (-0.45, -0.8, -2.35, -2.7)) + float(generator.uniform(-0.2, 0.2))


def _steps(generator: np.random.Generator, first: tuple[float, float], last: float, step: float) -> list[float]:
    """Places `step` apart from a random one in `first` to `last`."""
    return [float(place) for place in np.arange(generator.uniform(*first), last, step)]


def _storeys(generator: np.random.Generator, floor: float, low: int, high: int) -> float:
    """Height of a house of `low` to `high` floors."""
    return floor * int(generator.integers(low, high + 1)) + 0.9


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


def compose_street(generator: np.random.Generator) -> World:
    """A road that runs away from the camera between houses."""
    view = View(
        float(generator.uniform(0.38, 0.62)), float(generator.uniform(0.33, 0.42)), float(generator.uniform(2.3, 3.6))
    )
    middle, half, walk = float(generator.uniform(-1.2, 1.2)), 3.3, float(generator.uniform(3.0, 4.2))
    crossing = float(generator.uniform(9.5, 15))
    road = Strip("asphalt", (middle, 0.0), AWAY, half, True, _road_lines(half, crossing, 3.2), _tracks(half))
    ground = Ground("pavement", (road,), stock.covers(generator, (middle - 2.5, middle + 2.5), (8, 22), 3))
    things: list[Thing] = [Treeline(130.0, -120.0, 120.0, 10.0, stock.GREENS[2], stock.new_seed(generator))]
    lamps: list[Lamp] = []
    colour = stock.pick(generator, stock.LAMP_COLOURS)
    for side in (-1, 1):
        things += _row_of_houses(generator, middle + side * (half + walk), side)
        kerb = middle + side * (half + 0.7)
        things += [stock.tree(generator, kerb, z, 0.8) for z in _steps(generator, (16, 24), 75, 13.0)]
        lamps += [stock.lamp(generator, kerb, z, -side * 0.9, colour) for z in _steps(generator, (9, 15), 80, 17.0)]
        posts = (crossing - 1.2, crossing + 4.4)
        things += [Post(kerb - side * 0.2, z, 0.95, 0.075, (0.12, 0.12, 0.12)) for z in posts]
    things.append(stock.sign(generator, middle + half + 0.6, crossing - 0.6))
    things += _parked(generator, middle + half - 1.05, crossing + 8)
    start = float(generator.uniform(24, 40))
    moving = stock.car(generator, middle - half / 2, start, -AWAY, 6.0, 1.0, start - crossing - 6.5)
    pavements = []
    for side in (-1, 1):
        left, right = sorted((middle + side * (half + 1.1), middle + side * (half + walk - 0.6)))
        pavements.append(Walkway((left, right), (6.5, 34.0), AWAY))
    zebra = Walkway((middle - half, middle + half), (crossing + 0.4, crossing + 2.8), 0.0)
    people = populate(
        generator, view, (*pavements, *pavements, zebra), int(generator.integers(6, 11)), obstacles((*things, *lamps))
    )
    return World("street", view, ground, tuple(things), tuple(lamps), (moving,), people, _sun(generator))


def _row_of_houses(generator: np.random.Generator, face: float, side: int) -> list[Thing]:
    """Houses along a receding street, their fronts at x = `face`."""
    walls: list[Thing] = []
    z = float(generator.uniform(3, 6))
    while z < 95:
        length, style = float(generator.uniform(10, 20)), stock.facade(generator)
        tall = _storeys(generator, style.floor, 2, 4)
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
            cars.append(stock.car(generator, x, float(z), heading, warmth=stock.pick(generator, (0.0, 0.0, 0.5))))
    return cars


def compose_square(generator: np.random.Generator) -> World:
    """A road across the picture in front of a row of houses."""
    view = View(0.5, float(generator.uniform(0.30, 0.38)), float(generator.uniform(2.8, 4.6)))
    near, half = float(generator.uniform(10.0, 12.5)), 3.2
    middle = near + half
    crossing, bars = float(generator.uniform(-4, 2)), 3.6
    road = Strip("asphalt", (0.0, middle), 0.0, half, True, _road_lines(half, crossing, bars), _tracks(half))
    lawn = Strip("grass", (0.0, middle + half + 5.0), 0.0, 1.3)
    ground = Ground("pavement", (road, lawn), stock.covers(generator, (-5, 5), (7, middle + 2), 4))
    far_edge, near_edge = middle + half + 0.7, near - 0.8
    things: list[Thing] = [Treeline(120.0, -120.0, 120.0, 11.0, stock.GREENS[0], stock.new_seed(generator))]
    things += _skyline(generator, far_edge + float(generator.uniform(6.3, 11)))
    colour = stock.pick(generator, stock.LAMP_COLOURS)
    lamps = [stock.lamp(generator, x, far_edge, 0.8, colour) for x in _steps(generator, (-20, -12), 24, 10.0)]
    place = stock.pick(generator, (-1, 1)) * float(generator.uniform(2.5, 4.5))
    lamps.append(stock.lamp(generator, place, near_edge - 0.5, 0.7, colour))
    for x in _steps(generator, (-20, -14), 22, 8.5):
        if generator.random() < 0.7:
            things.append(stock.tree(generator, x, far_edge + 4.0, 0.9))
    things += [stock.bush(generator, float(x), far_edge + 4.4) for x in generator.uniform(-14, 14, 5)]
    free = crossing - 0.3, crossing + bars + 0.3
    posts = [x for x in np.arange(-9.0, 10, 1.8) if not free[0] < x < free[1]]
    things += [Post(float(x), near_edge, 0.9, 0.09, (0.33, 0.31, 0.27)) for x in posts]
    things.append(stock.sign(generator, crossing - 0.9, near - 0.5))
    for x in _steps(generator, (-18, -15), 20, 6.0):
        if generator.random() < 0.5 and not free[0] - 4 < x < free[1] + 4:
            warmth = stock.pick(generator, (0.0, 0.4, 0.7))
            things.append(stock.car(generator, x, middle + half - 1.0, 0.0, warmth=warmth))
    start = float(generator.uniform(-13, -9))
    moving = stock.car(generator, start, middle - half / 2 + 0.2, 0.0, 6.0, 1.0, max(0.5, crossing - 3.5 - start))
    ways = (
        Walkway((-8.0, 8.0), (6.4, near_edge - 0.7), 0.0),
        Walkway((-14.0, 14.0), (far_edge + 0.8, far_edge + 2.8), 0.0),
        Walkway((crossing + 0.3, crossing + bars - 0.3), (near, middle + half), AWAY),
    )
    people = populate(generator, view, (ways[0], *ways), int(generator.integers(6, 11)), obstacles((*things, *lamps)))
    return World("square", view, ground, tuple(things), tuple(lamps), (moving,), people, _sun(generator))


def _skyline(generator: np.random.Generator, front: float) -> list[Thing]:
    """Houses that face the camera at about z = `front`, with gaps."""
    walls: list[Thing] = []
    x = -float(generator.uniform(30, 38))
    while x < 34:
        width, style = float(generator.uniform(9, 17)), stock.facade(generator)
        tall, place = _storeys(generator, style.floor, 2, 4), front + float(generator.uniform(0, 1.5))
        walls.append(Wall(False, place, x, x + width, tall, style))
        # Of the gables, the camera sees the one that is turned to the middle.
        if x > 0.5:
            walls.append(Wall(True, x, place + 0.01, place + 12, tall, style))
        elif x + width < -0.5:
            walls.append(Wall(True, x + width, place + 0.01, place + 12, tall, style))
        x += width + (float(generator.uniform(3, 6)) if generator.random() < 0.4 else 0.0)
    return walls


def compose_park(generator: np.random.Generator) -> World:
    """Grass with paths, trees, bushes, and a house behind."""
    view = View(
        float(generator.uniform(0.42, 0.58)), float(generator.uniform(0.30, 0.40)), float(generator.uniform(2.2, 3.8))
    )
    turn = float(generator.uniform(0.12, 0.5)) * stock.pick(generator, (-1, 1))
    cross, start, away = float(generator.uniform(13, 18)), float(generator.uniform(-2, 2)), AWAY + turn * 0.8
    material = stock.pick(generator, ("soil", "pavement", "asphalt"))
    paths = (
        Strip(material, (0.0, cross), turn * 0.35, 1.5),
        Strip(material, (start, 8.0), away, 1.7),
    )
    house, style = float(generator.uniform(38, 50)), stock.facade(generator)
    left, width = float(generator.uniform(-22, 4)), float(generator.uniform(14, 24))
    home = replace(style, shops=False)
    things: list[Thing] = [
        Treeline(110.0, -110.0, 110.0, 12.0, stock.GREENS[2], stock.new_seed(generator)),
        Treeline(75.0, -80.0, 80.0, 6.0, stock.GREENS[1], stock.new_seed(generator)),
        Wall(False, house, left, left + width, _storeys(generator, style.floor, 1, 3), home),
        Fence((-40.0, house - 5), (40.0, house - 5), 1.1, (0.1, 0.1, 0.1), 0.5),
        *_greenery(generator, paths),
    ]
    colour = stock.pick(generator, stock.LAMP_COLOURS)
    lamps = [
        stock.lamp(generator, start + reach * np.cos(away) - 2.2, 8.0 + reach * np.sin(away), 0.5, colour)
        for reach in _steps(generator, (2.0, 4.0), 45, 12.0)
    ]
    for x in (-9.0, 9.5):
        lamps.append(stock.lamp(generator, x, cross + 2.2 + x * np.tan(turn * 0.35), 0.5, colour))
    ways = (
        Walkway((-14.0, 14.0), (cross - 1.4, cross + 1.4), turn * 0.35),
        Walkway((start - 3.5, start + 3.5), (6.8, 14.0), away),
        Walkway((-10.0, 10.0), (14.0, 32.0), away),
    )
    people = populate(generator, view, ways, int(generator.integers(5, 10)), obstacles((*things, *lamps)))
    return World("park", view, Ground("grass", paths), tuple(things), tuple(lamps), (), people, _sun(generator))


def _greenery(generator: np.random.Generator, paths: tuple[Strip, ...]) -> list[Thing]:
    """Up to nine trees, and bushes, beside the paths."""
    found: list[Thing] = []
    trees = 0
    for _ in range(40):
        z = float(generator.uniform(10, 44))
        x = float(generator.uniform(-0.62, 0.62)) * z
        gap = min(_beyond(path, x, z) for path in paths)
        if gap > 1.0 and trees < 9:
            found.append(stock.tree(generator, x, z, float(generator.uniform(0.8, 1.35))))
            trees += 1
        elif gap > 1.4 and z > 13:
            found.append(stock.bush(generator, x, z))
    return found


def _beyond(path: Strip, x: float, z: float) -> float:
    """Metres from a place to the border of a path, negative on it."""
    _, across = path.coordinates(np.array(x, np.float32), np.array(z, np.float32))
    return abs(float(across)) - path.half
