"""Choices: colours, models and outfits that places are filled with, drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from ivif.datasets.synthetic.conditions import Colour
from ivif.datasets.synthetic.places.buildings import Style
from ivif.datasets.synthetic.places.ground import Cover
from ivif.datasets.synthetic.things.animals import Animal
from ivif.datasets.synthetic.things.figures import Outfit
from ivif.datasets.synthetic.things.furniture import Crate, Lamp, Sign
from ivif.datasets.synthetic.things.plants import Tree
from ivif.datasets.synthetic.things.vehicles import SHAPES, Vehicle

Option = TypeVar("Option")

LAMP_COLOURS: tuple[Colour, ...] = ((1.0, 0.60, 0.26), (1.0, 0.80, 0.55), (0.86, 0.93, 1.0))
WALL_COLOURS: tuple[Colour, ...] = (
    (0.36, 0.30, 0.23),
    (0.30, 0.13, 0.085),
    (0.42, 0.38, 0.31),
    (0.22, 0.21, 0.21),
    (0.34, 0.22, 0.15),
    (0.40, 0.40, 0.38),
    (0.25, 0.27, 0.25),
)
CAR_COLOURS: tuple[Colour, ...] = (
    (0.42, 0.42, 0.43),
    (0.02, 0.02, 0.022),
    (0.30, 0.02, 0.02),
    (0.035, 0.07, 0.22),
    (0.55, 0.55, 0.54),
    (0.10, 0.11, 0.12),
    (0.08, 0.16, 0.10),
)
BOARD_COLOURS: tuple[Colour, ...] = ((0.30, 0.02, 0.02), (0.035, 0.07, 0.22), (0.10, 0.11, 0.12), (0.05, 0.13, 0.07))
BLACK, NAVY = (0.025, 0.026, 0.03), (0.05, 0.06, 0.09)
CLOTH_COLOURS: tuple[Colour, ...] = (
    # Dark clothes are the most common ones.
    *(BLACK, BLACK, BLACK, NAVY, NAVY, NAVY),
    (0.30, 0.035, 0.03),
    (0.06, 0.12, 0.30),
    (0.40, 0.38, 0.33),
    (0.13, 0.13, 0.13),
    (0.42, 0.26, 0.05),
    (0.07, 0.15, 0.08),
    (0.22, 0.17, 0.11),
    (0.52, 0.52, 0.50),
)
TROUSER_COLOURS: tuple[Colour, ...] = (
    *(BLACK, BLACK, NAVY, NAVY),
    (0.07, 0.10, 0.19),
    (0.12, 0.16, 0.26),
    (0.13, 0.13, 0.13),
    (0.26, 0.22, 0.15),
    (0.35, 0.33, 0.28),
    (0.10, 0.11, 0.07),
)
COATS: tuple[Colour, ...] = ((0.22, 0.13, 0.06), (0.05, 0.042, 0.035), (0.33, 0.27, 0.19), (0.14, 0.12, 0.10))
SKINS: tuple[Colour, ...] = ((0.50, 0.33, 0.24), (0.42, 0.27, 0.18), (0.26, 0.15, 0.09), (0.12, 0.07, 0.045))
HAIRS: tuple[Colour, ...] = ((0.02, 0.017, 0.015), (0.06, 0.035, 0.02), (0.17, 0.10, 0.045), (0.24, 0.23, 0.22))
GREENS: tuple[Colour, ...] = ((0.055, 0.095, 0.028), (0.075, 0.105, 0.03), (0.04, 0.075, 0.032), (0.10, 0.10, 0.03))
BOARDS = ("CAFE", "BAKERY", "BOOKS", "HOTEL", "MARKET", "OPTIK", "PIZZA", "BANK", "FLOWERS")
SIGNS = (("round", "30"), ("triangle", "!"), ("plate", "P"))


def pick(generator: np.random.Generator, options: Sequence[Option]) -> Option:
    """One of `options`, all equally likely."""
    return options[int(generator.integers(len(options)))]


def new_seed(generator: np.random.Generator) -> int:
    """A seed for a thing's own details."""
    return int(generator.integers(1 << 30))


def facade(generator: np.random.Generator) -> Style:
    """The look of a house, with shops more often than not."""
    return Style(
        colour=pick(generator, WALL_COLOURS),
        brick=bool(generator.random() < 0.5),
        floor=float(generator.uniform(3.0, 3.5)),
        pitch=float(generator.uniform(2.4, 3.4)),
        window=(float(generator.uniform(1.0, 1.5)), float(generator.uniform(1.3, 1.8))),
        sill=float(generator.uniform(0.8, 1.0)),
        shops=bool(generator.random() < 0.7),
        sign=pick(generator, BOARDS),
        sign_colour=pick(generator, BOARD_COLOURS),
        phase=float(generator.uniform(0, 3)),
        seed=new_seed(generator),
    )


def _cloth(generator: np.random.Generator, colours: Sequence[Colour] = CLOTH_COLOURS) -> Colour:
    red, green, blue = pick(generator, colours)
    shade = float(generator.uniform(0.8, 1.2))
    return red * shade, green * shade, blue * shade


def outfit(generator: np.random.Generator) -> Outfit:
    """Somebody's clothes and looks."""
    coat, skirt = bool(generator.random() < 0.22), bool(generator.random() < 0.12)
    return Outfit(
        jacket=_cloth(generator),
        trousers=_cloth(generator, TROUSER_COLOURS),
        shoes=(0.03, 0.03, 0.03) if generator.random() < 0.6 else (0.45, 0.45, 0.44),
        skin=pick(generator, SKINS),
        hair=pick(generator, HAIRS),
        insulation=float(generator.uniform(0.0, 0.9)),
        coat=coat,
        hood=bool(generator.random() < 0.12),
        skirt=skirt,
        long_hair=bool(generator.random() < 0.3),
        hat=_cloth(generator) if generator.random() < 0.15 else None,
        backpack=_cloth(generator) if generator.random() < 0.25 else None,
        bag=_cloth(generator) if generator.random() < 0.2 else None,
        light=bool(generator.random() < 0.7),
    )


def car(
    generator: np.random.Generator,
    x: float,
    z: float,
    heading: float,
    speed: float = 0.0,
    warmth: float = 0.0,
    room: float = np.inf,
) -> Vehicle:
    """A car of any model and colour; its lights are on if it drives."""
    shape = tuple(SHAPES)[int(generator.choice(len(SHAPES), p=(0.4, 0.35, 0.25)))]
    return Vehicle(x, z, heading, shape, pick(generator, CAR_COLOURS), speed, warmth, speed > 0, room)


def tree(generator: np.random.Generator, x: float, z: float, scale: float = 1.0) -> Tree:
    """A tree some 5 to 8 m high, times `scale`."""
    spread = float(generator.uniform(1.5, 2.6)) * scale
    trunk, rise = float(generator.uniform(1.8, 2.8)) * scale, spread * float(generator.uniform(1.7, 2.4))
    return Tree(x, z, trunk, spread, rise, pick(generator, GREENS), new_seed(generator))


def bush(generator: np.random.Generator, x: float, z: float) -> Tree:
    """A bush about 1 m high."""
    spread, rise = float(generator.uniform(0.6, 1.3)), float(generator.uniform(0.8, 1.5))
    return Tree(x, z, 0.0, spread, rise, pick(generator, GREENS), new_seed(generator), 14)


def lamp(generator: np.random.Generator, x: float, z: float, arm: float, colour: Colour) -> Lamp:
    """A street lamp; one in four is broken."""
    return Lamp(x, z, float(generator.uniform(4.6, 6.0)), arm, colour, bool(generator.random() < 0.75))


def sign(generator: np.random.Generator, x: float, z: float) -> Sign:
    """A traffic sign."""
    return Sign(x, z, 2.55, *pick(generator, SIGNS))


def covers(
    generator: np.random.Generator, x: tuple[float, float], z: tuple[float, float], count: int
) -> tuple[Cover, ...]:
    """Manhole covers, some warmed from below."""
    return tuple(
        Cover(float(generator.uniform(*x)), float(generator.uniform(*z)), 0.34, float(generator.uniform(-1.0, 3.5)))
        for _ in range(count)
    )


def dog(generator: np.random.Generator, x: float, z: float, heading: float) -> Animal:
    """A dog that trots along."""
    phase = float(generator.uniform(0, 2 * np.pi))
    return Animal(x, z, heading, float(generator.uniform(0.7, 1.5)), "dog", pick(generator, COATS), phase)


def deer(generator: np.random.Generator, x: float, z: float) -> Animal:
    """A deer that stands or walks slowly."""
    speed = 0.0 if generator.random() < 0.5 else 0.6
    heading, phase = (float(angle) for angle in generator.uniform(0, 2 * np.pi, 2))
    return Animal(x, z, heading, speed, "deer", (0.20, 0.13, 0.07), phase)


def container(generator: np.random.Generator, x: float, z: float, heading: float) -> Crate:
    """A refuse container."""
    colour = pick(generator, ((0.04, 0.10, 0.05), (0.05, 0.07, 0.12), (0.15, 0.15, 0.16), (0.32, 0.24, 0.04)))
    return Crate(x, z, 0.9, float(generator.uniform(1.1, 1.5)), float(generator.uniform(1.0, 1.3)), heading, colour)


def running_machine(generator: np.random.Generator, x: float, z: float, heading: float) -> Crate:
    """A running machine: hot cabinet, about as large as a person."""
    tall, warmer = float(generator.uniform(0.9, 1.8)), float(generator.uniform(7, 16))
    return Crate(x, z, 0.5, float(generator.uniform(0.5, 0.8)), tall, heading, (0.30, 0.31, 0.31), warmer)


def bench(x: float, z: float, heading: float) -> Crate:
    """A bench."""
    return Crate(x, z, 0.45, 1.7, 0.45, heading, (0.20, 0.13, 0.07), 0.8, 0.95)
