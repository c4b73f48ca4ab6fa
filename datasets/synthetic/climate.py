"""Climate: how warm every material is at an hour of the day.

Each material swings once a day around the day's mean, more or less far and late than the air, as its heat capacity
and its view of the sky have it:

    T(h) = mean + offset + swing * factor * cos(2 pi (h - 15 - lag) / 24)

These are temperatures in the shade; the sun's own heating is added where it shines (`Condition.solar`). Twice a day
the curves cross: then materials differ little and the infrared picture is flat.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np


class Swing(NamedTuple):
    """A material's daily course: offset in degrees under a clear sky, factor of the air's swing, lag in hours."""

    offset: float
    factor: float
    lag: float


SWINGS = {
    "air": Swing(0.0, 1.0, 0.0),
    "asphalt": Swing(2.6, 1.25, 2.0),
    "pavement": Swing(1.5, 1.15, 1.5),
    "soil": Swing(0.8, 1.2, 1.0),
    "grass": Swing(-1.9, 1.05, -0.5),
    "foliage": Swing(-0.6, 0.9, 0.0),
    "trunk": Swing(0.5, 0.8, 1.5),
    "wall": Swing(2.0, 0.9, 3.0),
    "window": Swing(-1.2, 0.7, 0.0),
    "roof": Swing(-2.0, 2.0, -0.5),
    "metal": Swing(-2.6, 1.5, -1.0),
    "body": Swing(-1.6, 1.5, -0.8),
}
"""Daily courses, chosen after measured ones of common building and road materials."""

SKIN, ROOM = 33.8, 21.5
"""Bare skin in warm air, and heated rooms, in degrees Celsius."""


def temperatures(
    hour: float, mean: float, swing: float, sky: float, clear: float = 1.0, warmer: float = 0.0
) -> Mapping[str, float]:
    """Surface temperatures in degrees Celsius by material.

    Args:
        hour: of the day, 0..24.
        mean: the air's mean over the day.
        swing: half the difference between the day's warmest and coldest air.
        sky: what the sky radiates like.
        clear: 1 under a clear sky, 0 where rain or cloud makes all materials alike.
        warmer: degrees added to clothes and skin.
    """
    degrees = {}
    for name, course in SWINGS.items():
        factor = 1 + clear * (course.factor - 1)
        wave = np.cos(2 * np.pi * (hour - 15 - clear * course.lag) / 24)
        degrees[name] = float(mean + clear * course.offset + swing * factor * wave)
    air = degrees["air"]
    skin = SKIN - 0.24 * max(0.0, 24 - air) + warmer
    degrees |= {
        "sky": sky,
        "skin": skin,
        "cloth": air + 0.66 * (skin - air) + warmer,
        "heated": air + 0.5 * max(ROOM - air, 1.0),
        "engine": air + 23.0,
        "tyre": air + 12.0,
        "paint": degrees["asphalt"] - 1.1,
    }
    return MappingProxyType(degrees)


def indoors(outside: Mapping[str, float]) -> Mapping[str, float]:
    """The same people in a heated hall: everything near room temperature, lamps and windows apart."""
    room = {name: ROOM + 0.3 * swing.offset for name, swing in SWINGS.items()}
    air = room["air"]
    room |= {
        "sky": ROOM,
        "window": 0.6 * ROOM + 0.4 * outside["air"],
        "skin": SKIN,
        "cloth": air + 0.45 * (SKIN - air),
        "heated": ROOM + 9.0,
        "engine": air + 23.0,
        "tyre": air + 12.0,
        "paint": room["asphalt"] - 0.3,
    }
    return MappingProxyType(room)
