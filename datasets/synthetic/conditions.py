"""Conditions: time of day and weather, as light for the visible camera and as temperatures for the infrared one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

Colour = tuple[float, float, float]

WARM_DAY = MappingProxyType(
    {
        "air": 14.0,
        "sky": -12.0,
        "asphalt": 18.6,
        "pavement": 17.0,
        "paint": 18.2,
        "grass": 14.2,
        "soil": 17.5,
        "wall": 17.5,
        "window": 14.5,
        "heated": 18.5,
        "roof": 21.0,
        "foliage": 13.2,
        "trunk": 14.6,
        "metal": 15.5,
        "body": 18.5,
        "engine": 33.0,
        "tyre": 25.0,
        "skin": 33.2,
        "cloth": 25.0,
    }
)
"""Surface temperatures (Celsius) of a mild day."""

COLD_NIGHT = MappingProxyType(
    {
        "air": 6.0,
        "sky": -28.0,
        "asphalt": 9.2,
        "pavement": 7.6,
        "paint": 9.0,
        "grass": 3.6,
        "soil": 6.2,
        "wall": 7.4,
        "window": 8.6,
        "heated": 14.0,
        "roof": 2.5,
        "foliage": 5.2,
        "trunk": 6.8,
        "metal": 4.4,
        "body": 5.0,
        "engine": 29.0,
        "tyre": 18.5,
        "skin": 31.5,
        "cloth": 19.5,
    }
)
"""Surface temperatures (Celsius) of a clear cool night."""


@dataclass(frozen=True)
class Condition:
    """One named state of light and weather.

    Attributes:
        name: the key, also the tag of its pairs.
        temperatures: degrees Celsius by material.
        sun: colour and strength of the sun (0 without), 1 being full sun.
        sun_height: degrees above the horizon.
        ambient: light from the whole sky.
        zenith, skyline: colour of the sky above and at the horizon.
        clouds: share of cloud in 0..1.
        lamps: strength of street lamps and lit windows in 0..1.
        headlights: whether moving vehicles have their lights on.
        oncoming: whether a vehicle drives towards the camera with dazzling headlights.
        fog: extinction of visible light a metre; infrared light passes.
        fog_colour: what fog looks like.
        exposure: factor from scene light to the sensor.
        bloom: how strongly bright light spills over in the lens.
        noise: standard deviation of the visible sensor's read noise, in shares of the full range.
        mist: how visible the air is in light cones.
    """

    name: str
    temperatures: MappingProxyType[str, float]
    sun: Colour = (0.0, 0.0, 0.0)
    sun_height: float = 40.0
    ambient: Colour = (0.0, 0.0, 0.0)
    zenith: Colour = (0.0, 0.0, 0.0)
    skyline: Colour = (0.0, 0.0, 0.0)
    clouds: float = 0.0
    lamps: float = 0.0
    headlights: bool = False
    oncoming: bool = False
    fog: float = 0.0
    fog_colour: Colour = (0.0, 0.0, 0.0)
    exposure: float = 1.0
    bloom: float = 0.05
    noise: float = 0.004
    mist: float = 0.0


DAY = Condition(
    "day",
    WARM_DAY,
    sun=(1.05, 0.97, 0.85),
    sun_height=38.0,
    ambient=(0.27, 0.32, 0.40),
    zenith=(0.16, 0.30, 0.62),
    skyline=(0.62, 0.72, 0.84),
    clouds=0.5,
    exposure=2.1,
)
DUSK = Condition(
    "dusk",
    MappingProxyType(
        WARM_DAY
        | {"sky": -18.0, "asphalt": 15.5, "pavement": 14.0, "wall": 14.5, "cloth": 22.5, "body": 11.5, "metal": 11.0}
    ),
    ambient=(0.075, 0.085, 0.135),
    zenith=(0.045, 0.07, 0.17),
    skyline=(0.50, 0.25, 0.13),
    clouds=0.6,
    lamps=0.45,
    headlights=True,
    exposure=2.6,
    bloom=0.12,
    noise=0.006,
    mist=0.15,
)
NIGHT = Condition(
    "night",
    COLD_NIGHT,
    ambient=(0.0024, 0.0028, 0.0042),
    zenith=(0.0015, 0.002, 0.005),
    skyline=(0.016, 0.014, 0.016),
    clouds=0.4,
    lamps=1.0,
    headlights=True,
    exposure=2.0,
    bloom=0.14,
    noise=0.007,
    mist=0.30,
)
GLARE = replace(NIGHT, name="glare", oncoming=True, bloom=0.45, mist=0.6, ambient=(0.0035, 0.0039, 0.005))
FOG = replace(
    DAY,
    name="fog",
    sun=(0.0, 0.0, 0.0),
    ambient=(0.50, 0.52, 0.54),
    zenith=(0.42, 0.44, 0.46),
    skyline=(0.42, 0.44, 0.46),
    clouds=0.0,
    fog=0.08,
    fog_colour=(0.42, 0.44, 0.46),
    exposure=2.0,
)
OVEREXPOSED = replace(DAY, name="overexposed", exposure=8.0, bloom=0.22, sun_height=26.0)

BY_NAME = {condition.name: condition for condition in (DAY, DUSK, NIGHT, GLARE, FOG, OVEREXPOSED)}


def find_condition(name: str) -> Condition:
    """The condition called `name`; raises `ValueError` that lists the known ones."""
    if name not in BY_NAME:
        raise ValueError(f"no condition {name!r}; there are {', '.join(BY_NAME)}")
    return BY_NAME[name]
