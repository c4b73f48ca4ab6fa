"""Ground and sky: the plane everything stands on, with its roads, markings and textures, and what is above it."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ivif.datasets.synthetic.conditions import Condition
from ivif.datasets.synthetic.optics.camera import Camera, Window
from ivif.datasets.synthetic.optics.noise import Noise, Raster, band, repeated_band, smooth_step
from ivif.datasets.synthetic.optics.surface import (
    ALBEDO,
    ALPHA,
    DEPTH,
    EMISSION,
    EMISSIVITY,
    GROUND,
    NORMAL,
    TEMPERATURE,
    PixelValues,
    SurfaceLayer,
)

FAR = 900.0
"""Depth of the sky in metres."""

ALBEDOS = {
    "asphalt": (0.085, 0.087, 0.092),
    "pavement": (0.27, 0.255, 0.235),
    "grass": (0.070, 0.115, 0.035),
    "soil": (0.24, 0.185, 0.12),
    "kerb": (0.36, 0.35, 0.33),
    "tiles": (0.36, 0.345, 0.315),
    "paint": (0.62, 0.61, 0.56),
}


def greenness(albedo: PixelValues) -> Raster:
    """How much like leaves and grass a surface looks, 0..1."""
    red, green, blue = albedo[..., 0], albedo[..., 1], albedo[..., 2]
    return np.clip(2.5 * (green - np.maximum(red, blue)) / (green + 1e-3), 0, 1)


class Marking(NamedTuple):
    """A painted rectangle on a strip, in its coordinates (metres across and along), repeated every `period`."""

    across: tuple[float, float]
    along: tuple[float, float]
    period: float = 0.0
    painted: float = 0.0
    """Painted length of each period; 0 for an unbroken line."""
    bars_across: bool = False
    """The period runs across the strip (zebra crossing) instead of along it."""


@dataclass(frozen=True)
class Strip:
    """A straight band of one material: through `origin` (x, z) along `angle` (radians from x), `half` metres wide."""

    material: str
    origin: tuple[float, float]
    angle: float
    half: float
    kerb: bool = False
    markings: tuple[Marking, ...] = ()
    tracks: tuple[float, ...] = ()
    """Where (metres across) wheels have warmed the surface: seen in infrared alone."""

    def coordinates(self, x: Raster, z: Raster) -> tuple[Raster, Raster]:
        """(along, across) in metres."""
        cosine, sine = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        right, away = x - np.float32(self.origin[0]), z - np.float32(self.origin[1])
        return right * cosine + away * sine, away * cosine - right * sine


@dataclass(frozen=True)
class Cover:
    """A manhole cover: centre and radius in metres; differs in temperature."""

    x: float
    z: float
    radius: float
    warmer: float


@dataclass(frozen=True)
class Ground:
    """The base material and what lies on it, in painting order."""

    base: str
    strips: tuple[Strip, ...] = ()
    covers: tuple[Cover, ...] = field(default_factory=tuple)


Area = tuple[slice, slice]
"""Rows and columns of a patch."""


def _around(mask: Raster) -> Area | None:
    """The smallest area that holds everything a mask is true for; None if that is nothing."""
    lines, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(lines):
        return None
    return slice(lines[0], lines[-1] + 1), slice(columns[0], columns[-1] + 1)


class _Patch:
    """Points of the ground seen by the pixels below the horizon, and the pixels' extents there.

    What is the same along a row has the shape ``[rows, 1]``.
    """

    def __init__(self, camera: Camera, window: Window) -> None:
        slope, drop = camera.axes(window)
        self.z = np.minimum(camera.elevation / np.maximum(drop, 1e-5), FAR).astype(np.float32)
        self.x = (slope * self.z + camera.x).astype(np.float32)
        self.side = self.z / np.float32(camera.focal)
        self.length = self.z**2 / np.float32(camera.focal * camera.elevation)
        self.footprint = np.sqrt(self.side * self.length)

    def within(self, area: Area) -> _Patch:
        """The same for some of its pixels."""
        part = copy(self)
        for name, field_ in vars(self).items():
            rows, columns = area
            setattr(part, name, field_[rows, columns if field_.shape[1] > 1 else slice(None)])
        return part

    def across(self, strip: Strip) -> Raster:
        """Extent of a pixel across a strip."""
        return self.side * abs(np.sin(strip.angle)) + self.length * abs(np.cos(strip.angle))

    def along(self, strip: Strip) -> Raster:
        """Extent of a pixel along a strip."""
        return self.side * abs(np.cos(strip.angle)) + self.length * abs(np.sin(strip.angle))


def paint_ground(ground: Ground, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
    """Sky and ground of the whole picture: the layer everything else is painted on."""
    layer = SurfaceLayer.blank(camera.window)
    layer.values[..., ALPHA] = 1
    top = min(max(int(np.ceil(camera.horizon)), 0), camera.height)
    _paint_sky(layer.values[:top], camera, condition, noise)
    window = Window(0, top, camera.width, camera.height)
    if not window.empty:
        _paint_below(layer.part(window), _Patch(camera, window), ground, condition, noise)
    return layer


def _paint_sky(values: PixelValues, camera: Camera, condition: Condition, noise: Noise) -> None:
    slope, drop = camera.axes(Window(0, 0, values.shape[1], values.shape[0]))
    skyline, zenith = np.array(condition.skyline, np.float32), np.array(condition.zenith, np.float32)
    height = np.clip(-drop / np.float32(0.45), 0, 1)
    blend = np.power(height, np.float32(0.6))[..., None]
    colour = skyline * (1 - blend) + zenith * blend
    # Clouds on a flat layer: the further down, the denser.
    stretch = 1 / np.maximum(-drop + np.float32(0.10), np.float32(0.05))
    cloud = noise.fractal(slope * stretch, stretch, (2.6, 1.3, 0.6, 0.3, 0.15), stretch * np.float32(0.01))
    cover = smooth_step(0.9 - 1.2 * condition.clouds, 1.6 - 0.6 * condition.clouds, cloud)
    white = 0.35 * skyline + np.float32(1.25 * np.mean(condition.skyline))
    colour = colour + np.float32(0.75) * cover[..., None] * (0.72 * white - colour)
    values[..., EMISSION] = colour
    sky = condition.temperatures["sky"]
    values[..., TEMPERATURE] = sky + 12 * (1 - height) + 6 * condition.clouds * cover
    values[..., EMISSIVITY] = 1
    values[..., DEPTH] = FAR
    values[..., NORMAL] = (0, 0, -1)


def _paint_below(values: PixelValues, patch: _Patch, ground: Ground, condition: Condition, noise: Noise) -> None:
    albedo, temperature = _material(ground.base, patch, condition, noise)
    for strip in ground.strips:
        along, across = strip.coordinates(patch.x, patch.z)
        width = patch.across(strip)
        cover = band(across, -strip.half, strip.half, width)
        if strip.kerb:
            rim = band(across, -strip.half - 0.18, strip.half + 0.18, width)
            joints = 1 - 0.35 * repeated_band(along, 0, 0.02, 1.0, patch.along(strip))
            _blend(albedo, temperature, rim, np.array(ALBEDOS["kerb"], np.float32) * joints[..., None], None)
        layer_albedo, layer_temperature = _material(strip.material, patch, condition, noise)
        layer_temperature += _track_heat(strip, across, condition, noise, patch)
        _blend(albedo, temperature, cover, layer_albedo, layer_temperature)
        _paint_markings(albedo, temperature, strip, patch, condition, noise)
    for manhole in ground.covers:
        _paint_manhole(albedo, temperature, manhole, patch, noise)
    values[..., ALBEDO] = albedo
    values[..., EMISSION] = 0
    values[..., TEMPERATURE] = temperature
    values[..., EMISSIVITY] = 0.95
    values[..., DEPTH] = patch.z
    values[..., NORMAL] = (0, 1, 0)
    values[..., GROUND] = 1


def _blend(
    albedo: PixelValues, temperature: Raster, cover: Raster, colour: PixelValues, degrees: Raster | None
) -> None:
    albedo += cover[..., None] * (colour - albedo)
    if degrees is not None:
        temperature += cover * (degrees - temperature)


def _material(name: str, patch: _Patch, condition: Condition, noise: Noise) -> tuple[PixelValues, Raster]:
    """(reflectance, temperature) of a ground material, textured at several scales."""
    x, z, footprint = patch.x, patch.z, patch.footprint
    colour = np.array(ALBEDOS[name], np.float32)
    heat = noise.fractal(x, z, (9.0, 3.5, 1.2), footprint) * 0.45
    if name == "grass":
        tufts = noise.fractal(x, z, (0.9, 0.35, 0.13, 0.05), footprint, aspect=1.6)
        patches = noise.fractal(x + 40, z, (7.0, 2.8), footprint)
        texture = np.clip(1 + 0.26 * tufts + 0.16 * patches, 0.2, 2.2)
        albedo = colour * texture[..., None]
        # Dry patches are yellower.
        albedo[..., 0] *= 1 + 0.35 * np.clip(patches, 0, 2)
        heat = heat * 1.6 + 0.5 * tufts
    elif name in ("pavement", "tiles"):
        slab = 0.6 if name == "pavement" else 0.45
        joint = np.maximum(
            repeated_band(x, 0, 0.025, slab, patch.side), repeated_band(z, 0, 0.025, slab * 1.0, patch.length)
        )
        tone = noise.at(np.floor(x / slab) * 7.7, np.floor(z / slab) * 5.3, 1.0)
        fade = np.clip(1.5 - 2 * patch.length / slab, 0, 1)
        texture = 1 + 0.09 * tone * fade + 0.10 * noise.fractal(x, z, (4.0, 0.7, 0.2, 0.06), footprint) - 0.42 * joint
        albedo = colour * np.clip(texture, 0.1, 2)[..., None]
        heat += 0.22 * tone * fade - 0.25 * joint
    elif name == "soil":
        texture = 1 + 0.22 * noise.fractal(x, z, (3.0, 0.8, 0.25, 0.08), footprint)
        albedo = colour * np.clip(texture, 0.2, 2)[..., None]
    else:
        grain = noise.fractal(x, z, (0.25, 0.09, 0.04), footprint)
        stain = noise.fractal(x, z + 90, (5.0, 1.7, 0.7), footprint)
        crack = 1 - smooth_step(0.02, 0.07, np.abs(noise.at(x, z + 30, 2.2) + 0.5 * noise.at(x, z, 0.7)))
        crack *= np.clip(1.2 - 20 * patch.side, 0, 1) * (noise.at(x, z, 11.0) > 0.3)
        texture = np.clip(1 + 0.20 * grain + 0.17 * stain - 0.4 * crack, 0.15, 2)
        albedo = colour * texture[..., None]
        heat += 0.12 * grain
    degrees = condition.temperatures["pavement" if name == "tiles" else name]
    return albedo, (degrees + condition.relief * heat).astype(np.float32)


def _track_heat(strip: Strip, across: Raster, condition: Condition, noise: Noise, patch: _Patch) -> Raster:
    """Warmth that tyres leave on the road, in degrees."""
    heat = np.zeros_like(across)
    for track in strip.tracks:
        heat += np.exp(-(((across - track) / 0.28) ** 2)) * 1.1
    return heat * (1 + 0.25 * noise.fractal(patch.x, patch.z, (6.0, 2.0), patch.footprint))


def _paint_markings(
    albedo: PixelValues, temperature: Raster, strip: Strip, patch: _Patch, condition: Condition, noise: Noise
) -> None:
    if not strip.markings:
        return
    along, across = strip.coordinates(patch.x, patch.z)
    width, length = patch.across(strip), patch.along(strip)
    for marking in strip.markings:
        cover = band(across, *marking.across, width) * band(along, *marking.along, length)
        area = _around(cover > 0)
        if area is None:
            continue
        part, near = cover[area], patch.within(area)
        if marking.painted and marking.bars_across:
            start = np.float32(marking.across[0])
            part = part * repeated_band(across[area] - start, 0, marking.painted, marking.period, near.across(strip))
        elif marking.painted:
            part = part * repeated_band(along[area], 0, marking.painted, marking.period, near.along(strip))
        wear = smooth_step(-1.9, -0.5, noise.fractal(near.x, near.z, (1.1, 0.3, 0.1, 0.05), near.footprint))
        cooler = temperature[area] - np.float32(condition.temperatures["asphalt"] - condition.temperatures["paint"])
        paint = np.array(ALBEDOS["paint"], np.float32)
        # Paint lies cooler than the road: it takes less of the sun and shows more of the sky.
        _blend(albedo[area], temperature[area], part * (0.25 + 0.7 * wear), paint, cooler)


def _paint_manhole(albedo: PixelValues, temperature: Raster, cover: Cover, patch: _Patch, noise: Noise) -> None:
    area = _around((np.abs(patch.x - cover.x) < cover.radius + 0.1) & (np.abs(patch.z - cover.z) < cover.radius + 0.3))
    if area is None:
        return
    albedo, temperature, patch = albedo[area], temperature[area], patch.within(area)
    distance = np.hypot(patch.x - cover.x, patch.z - cover.z)
    disc = band(distance, -1, cover.radius, patch.length)
    ring = band(distance, cover.radius * 0.86, cover.radius, patch.length)
    grid = repeated_band(patch.x, 0, 0.05, 0.11, patch.side) * repeated_band(patch.z, 0, 0.05, 0.11, patch.length)
    tone = (0.055 + 0.05 * grid + 0.07 * ring)[..., None] * np.array((1.0, 0.95, 0.88), np.float32)
    _blend(albedo, temperature, disc, tone, temperature + np.float32(cover.warmer))
