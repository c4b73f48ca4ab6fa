"""Conditions: time of day and weather, as light for the visible camera and as temperatures for the infrared one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ivif.datasets.synthetic import climate

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Condition:
    """One named state of light, weather and scene.

    Attributes:
        name: the key, also the tag of its pairs.
        temperatures: degrees Celsius by material, in the shade.
        sun: colour and strength of the sun (0 without), 1 being full sun.
        sun_height: degrees above the horizon.
        solar: degrees by which full sun warms a black surface.
        ambient: light from the whole sky.
        zenith, skyline: colour of the sky above and at the horizon.
        clouds: share of cloud in 0..1.
        lamps: strength of street lamps and lit windows in 0..1.
        headlights: whether moving vehicles have their lights on.
        oncoming: whether a vehicle drives towards the camera with dazzling headlights.
        fog: extinction of visible light a metre; infrared light passes.
        fog_colour: what fog and smoke look like.
        smoke: optical depth of the smoke for visible light, where it is dense; infrared light passes.
        rain: strength of the rain in 0..1; wet ground mirrors.
        exposure: factor from scene light to the sensor.
        shutter: seconds that the visible sensor collects light, in which what moves is smeared.
        bloom: how strongly bright light spills over in the lens.
        noise: standard deviation of the visible sensor's read noise, in shares of the full range.
        mist: how visible the air is in light cones.
        relief: factor of the small differences of temperature within a material.
        weather: whether it takes place under the open sky only.
        crowded: whether the scene is full of people.
        distracting: whether it holds things that look like people in one band.
        misaligned: whether the two cameras differ in place, direction and time.
        span: least degrees that the infrared camera spreads over its greys, however little the scene differs: what is
            as warm as its surroundings stays as grey as they are.
        rain_gear: whether most people wear wet rain gear, which is as cold as the air.
        shelters: how many bus stops there are, if there is room, in which people wait behind glass, which hides them
            from the infrared camera alone.
        clutter: how many warm machines, posts and animals there are besides.
    """

    name: str
    temperatures: Mapping[str, float]
    sun: Colour = (0.0, 0.0, 0.0)
    sun_height: float = 40.0
    solar: float = 0.0
    ambient: Colour = (0.0, 0.0, 0.0)
    zenith: Colour = (0.0, 0.0, 0.0)
    skyline: Colour = (0.0, 0.0, 0.0)
    clouds: float = 0.0
    lamps: float = 0.0
    headlights: bool = False
    oncoming: bool = False
    fog: float = 0.0
    fog_colour: Colour = (0.0, 0.0, 0.0)
    smoke: float = 0.0
    rain: float = 0.0
    exposure: float = 1.0
    shutter: float = 0.004
    bloom: float = 0.05
    noise: float = 0.004
    mist: float = 0.0
    relief: float = 1.0
    weather: bool = False
    crowded: bool = False
    distracting: bool = False
    misaligned: bool = False
    span: float = 0.0
    rain_gear: bool = False
    shelters: int = 0
    clutter: int = 0


_DAY = Condition(
    "day",
    climate.temperatures(hour=13, mean=12, swing=4, sky=-12, clear=0.6),
    sun=(1.05, 0.97, 0.85),
    sun_height=38.0,
    solar=11.0,
    ambient=(0.27, 0.32, 0.40),
    zenith=(0.16, 0.30, 0.62),
    skyline=(0.62, 0.72, 0.84),
    clouds=0.5,
    exposure=2.1,
)
_DUSK = Condition(
    "dusk",
    climate.temperatures(hour=20, mean=12, swing=4, sky=-18, clear=0.8),
    ambient=(0.075, 0.085, 0.135),
    zenith=(0.045, 0.07, 0.17),
    skyline=(0.50, 0.25, 0.13),
    clouds=0.6,
    lamps=0.45,
    headlights=True,
    exposure=2.6,
    shutter=0.02,
    bloom=0.12,
    noise=0.006,
    mist=0.15,
)
_NIGHT = Condition(
    "night",
    climate.temperatures(hour=23, mean=8.5, swing=4, sky=-28),
    ambient=(0.0026, 0.0030, 0.0044),
    zenith=(0.0015, 0.002, 0.005),
    skyline=(0.016, 0.014, 0.016),
    clouds=0.4,
    lamps=1.0,
    headlights=True,
    exposure=2.0,
    shutter=0.04,
    bloom=0.14,
    noise=0.007,
    mist=0.30,
)
_GLARE = replace(
    _NIGHT, name="glare", oncoming=True, bloom=0.45, mist=0.6, ambient=(0.0035, 0.0039, 0.005), weather=True
)
_FOG = replace(
    _DAY,
    name="fog",
    temperatures=climate.temperatures(hour=10, mean=9, swing=3, sky=2, clear=0.5),
    sun=(0.0, 0.0, 0.0),
    solar=0.0,
    ambient=(0.50, 0.52, 0.54),
    zenith=(0.42, 0.44, 0.46),
    skyline=(0.42, 0.44, 0.46),
    clouds=0.0,
    fog=0.075,
    fog_colour=(0.42, 0.44, 0.46),
    exposure=2.0,
    weather=True,
)
_SMOKE = replace(_DAY, name="smoke", smoke=3.2, fog_colour=(0.44, 0.43, 0.42))
_RAIN = Condition(
    "rain",
    climate.temperatures(hour=18, mean=9, swing=2, sky=4, clear=0.22),
    ambient=(0.060, 0.066, 0.080),
    zenith=(0.050, 0.055, 0.068),
    skyline=(0.085, 0.09, 0.105),
    clouds=1.0,
    lamps=0.8,
    headlights=True,
    fog=0.012,
    fog_colour=(0.075, 0.08, 0.09),
    rain=1.0,
    exposure=3.0,
    shutter=0.025,
    bloom=0.16,
    noise=0.006,
    mist=0.5,
    relief=0.45,
    weather=True,
)
_CROSSOVER = Condition(
    "crossover",
    climate.temperatures(hour=8.4, mean=25.5, swing=3.5, sky=9, clear=0.5, warmer=-1.0),
    sun=(0.60, 0.40, 0.20),
    sun_height=11.0,
    solar=1.2,
    ambient=(0.11, 0.125, 0.17),
    zenith=(0.12, 0.20, 0.42),
    skyline=(0.72, 0.55, 0.38),
    clouds=0.4,
    exposure=2.6,
    relief=0.5,
    weather=True,
)
_OVEREXPOSED = replace(_DAY, name="overexposed", exposure=8.0, bloom=0.22, sun_height=26.0, weather=True)
_CROWD = replace(_DAY, name="crowd", crowded=True, sun_height=47.0)
_DISTRACTORS = replace(
    _DUSK,
    name="distractors",
    ambient=(0.12, 0.135, 0.19),
    skyline=(0.42, 0.34, 0.34),
    zenith=(0.08, 0.12, 0.26),
    distracting=True,
)
_MISREGISTERED = replace(_DAY, name="misregistered", misaligned=True)
_NOON = replace(
    _DAY,
    name="noon",
    temperatures=climate.temperatures(hour=13.5, mean=26.5, swing=4.0, sky=4, clear=0.5),
    sun_height=58.0,
    solar=6.5,
    span=22.0,
    shelters=2,
)
_SULTRY = replace(
    _DUSK,
    name="sultry",
    temperatures=climate.temperatures(hour=20, mean=29.5, swing=3.0, sky=18, clear=0.5),
    relief=1.4,
    span=18.0,
    shelters=2,
)
_MUGGY = replace(
    _DAY,
    name="muggy",
    temperatures=climate.temperatures(hour=14, mean=30.0, swing=2.5, sky=22, clear=0.3),
    sun=(0.0, 0.0, 0.0),
    solar=0.0,
    ambient=(0.50, 0.52, 0.54),
    zenith=(0.42, 0.44, 0.46),
    skyline=(0.42, 0.44, 0.46),
    clouds=1.0,
    exposure=2.0,
    relief=1.4,
    span=18.0,
    shelters=2,
)
_DRIZZLE = replace(
    _RAIN,
    name="drizzle",
    temperatures=climate.temperatures(hour=14, mean=14, swing=2, sky=9, clear=0.2),
    ambient=(0.30, 0.32, 0.35),
    zenith=(0.26, 0.28, 0.31),
    skyline=(0.40, 0.42, 0.45),
    lamps=0.0,
    fog=0.002,
    fog_colour=(0.38, 0.40, 0.43),
    rain=0.35,
    exposure=2.2,
    shutter=0.008,
    bloom=0.08,
    noise=0.004,
    mist=0.0,
    rain_gear=True,
    shelters=2,
    span=26.0,
)
_ENGINES = replace(
    _NIGHT,
    name="engines",
    temperatures=climate.temperatures(hour=22, mean=20.0, swing=5, sky=-2, clear=0.8),
    ambient=(0.05, 0.055, 0.08),
    clutter=9,
    shelters=1,
)

BY_NAME = {
    condition.name: condition
    for condition in (
        _DAY,
        _DUSK,
        _NIGHT,
        _GLARE,
        _FOG,
        _SMOKE,
        _RAIN,
        _CROSSOVER,
        _OVEREXPOSED,
        _CROWD,
        _DISTRACTORS,
        _MISREGISTERED,
        _NOON,
        _SULTRY,
        _MUGGY,
        _DRIZZLE,
        _ENGINES,
    )
}

CONDITIONS: tuple[str, ...] = tuple(BY_NAME)
"""Names of the conditions of light and weather."""


def find_condition(name: str) -> Condition:
    """The condition called `name`; raises `ValueError` that lists the known ones."""
    if name not in BY_NAME:
        raise ValueError(f"no condition {name!r}; there are {', '.join(BY_NAME)}")
    return BY_NAME[name]


def under_roof(condition: Condition) -> Condition:
    """The same hour inside a hall: no sun, lamps under the ceiling that burn by day too, heated air."""
    dim = min(1.0, max(condition.exposure * sum(condition.ambient) / 2.0, 0.06))
    light = (0.40 * dim, 0.39 * dim, 0.36 * dim)
    return replace(
        condition,
        temperatures=climate.indoors(condition.temperatures),
        sun=(0.0, 0.0, 0.0),
        solar=0.0,
        ambient=light,
        zenith=light,
        skyline=tuple(1.6 * part for part in light),  # type: ignore[arg-type]
        lamps=max(condition.lamps, 0.5),
        exposure=2.2,
        shutter=0.012,
        noise=max(condition.noise, 0.005),
        mist=0.0,
        relief=0.7,
    )
