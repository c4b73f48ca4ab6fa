"""Background: everything that stands still, painted, lit and warmed once for all frames of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from ivif.datasets.synthetic.conditions import Condition
from ivif.datasets.synthetic.optics import infrared, visible
from ivif.datasets.synthetic.optics.camera import Camera, Window
from ivif.datasets.synthetic.optics.light import Light, ambient_reflected, contact_shade, ground_share
from ivif.datasets.synthetic.optics.noise import Noise, Raster
from ivif.datasets.synthetic.optics.shadows import Landing, ShadowMap, Sheet, land
from ivif.datasets.synthetic.optics.surface import (
    ALBEDO,
    ALPHA,
    DEPTH,
    EMISSIVITY,
    NORMAL,
    TEMPERATURE,
    PixelValues,
    SurfaceLayer,
    polygon_coverage,
)
from ivif.datasets.synthetic.optics.wet import Standing, mirror_share, mirrored
from ivif.datasets.synthetic.places.ground import FAR, greenness, paint_ground
from ivif.datasets.synthetic.places.world import World
from ivif.datasets.synthetic.things.thing import Pane, Thing

LAMP_POWER = 15.0
"""Strength of a street lamp at 1 m; a white surface in full sun returns 1."""

LAMP_REACH = 17.0
"""Metres at which a street lamp's light is lost."""

GLASS_EMISSIVITY = 0.86
"""Of window glass, which lets no heat through."""

REFLECTED = 0.1
"""Share of visible light that window glass reflects, of the sky, and takes from what is behind it."""

SWEATING = 0.25
"""Share of the sun's warmth that leaves keep; they give the rest off as vapour."""


class Occluder(NamedTuple):
    """Something that stands still, as a mask."""

    thing: Thing
    window: Window
    coverage: Raster


@dataclass
class Lit:
    """What one light does to the still scene, inside the window it reaches."""

    light: Light
    window: Window
    landing: Landing
    shadows: ShadowMap
    part: PixelValues
    """Light sent to the camera, ``[rows, columns, 3]``."""


class Glass(NamedTuple):
    """A pane as the cameras have it: its distance, and its share of each pixel in which nothing is before it."""

    depth: float
    coverage: Raster


class Background:
    """The still part of a world under one condition.

    Attributes:
        layer: all channels.
        light: what the visible camera would see in clear air, ``float32 [H, W, 3]``.
        heat: what the infrared camera would see, ``float32 [H, W]``.
        glow: light scattered by the air around lamps, on a coarser grid; None without.
        lit: each light's part.
        mirror: share of light that the ground mirrors, ``[H, W]``; None where it is dry.
        depth: metres along the viewing axis, ``[H, W]``.
        glass: panes, from far to near.
    """

    def __init__(self, world: World, camera: Camera, condition: Condition, noise: Noise) -> None:
        self.world, self.camera, self.condition, self.noise = world, camera, condition, noise
        self.occluders: list[Occluder] = []
        self.shading: Raster = np.full(camera.window.shape, 0.02, np.float32)
        self.dry: Raster = np.ones(camera.window.shape, np.float32)
        self.layer = self._paint()
        self.depth: Raster = self.layer.values[..., DEPTH].copy()
        self.mirror: Raster | None = None
        if condition.rain:
            # Grass and soil drink what makes roads shine.
            sealed = 1 - 0.85 * np.maximum(greenness(self.layer.values[..., ALBEDO]), self._soil())
            self.mirror = mirror_share(camera, noise, condition.rain) * self.ground * sealed
            # Water in the pores swallows light and keeps the ground's temperature even.
            self.layer.values[..., ALBEDO] *= (1 - 0.45 * self.ground)[..., None]
        self._illuminate()
        self.heat = infrared.radiated(self.layer.values, condition)
        self.glass = [self._glaze(pane) for thing in self._from_far_to_near() for pane in thing.panes()]

    @property
    def ground(self) -> Raster:
        """Share of each pixel that is ground."""
        return ground_share(self.layer)

    def _from_far_to_near(self) -> list[Thing]:
        """Everything that stands still, from far to near."""
        return sorted(self.world.standing, key=lambda thing: -thing.depth)

    def _paint(self) -> SurfaceLayer:
        base = paint_ground(self.world.ground, self.camera, self.condition, self.noise)
        for thing in self._from_far_to_near():
            layer = thing.draw(self.camera, self.condition, self.noise)
            window = layer.window.clip(self.camera.window)
            if window.empty:
                continue
            crop = layer.part(window)
            cover = crop[..., ALPHA]
            target = base.part(window)
            target *= 1 - cover[..., None]
            target += crop
            shading = self.shading[window.within(self.camera.window)]
            dry = self.dry[window.within(self.camera.window)]
            dry += cover * ((SWEATING if thing.sweats else 1.0) - dry)
            shading += cover * (thing.least_shading - shading)
            self.occluders.append(Occluder(thing, window, cover.copy()))
        return base

    def _soil(self) -> Raster:
        """Share of bare earth, told by its colour."""
        albedo = self.layer.values[..., ALBEDO]
        return np.clip(4 * (albedo[..., 0] - 1.6 * albedo[..., 2]) / (albedo[..., 0] + 1e-3), 0, 1)

    def _lights(self) -> list[Light]:
        """Sun and street lamps that reach the scene."""
        condition, lights = self.condition, []
        if any(condition.sun):
            rise, azimuth = np.radians(condition.sun_height), self.world.sun_azimuth
            flat = np.cos(rise)
            direction = np.array((flat * np.cos(azimuth), np.sin(rise), flat * np.sin(azimuth)))
            lights.append(Light(np.array(condition.sun), direction=direction))
        for lamp in self.world.lamps if condition.lamps else ():
            if lamp.working and lamp.z < 60:
                power = LAMP_POWER * condition.lamps * np.array(lamp.colour)
                down = np.array((0.0, -1.0, 0.0))
                lights.append(Light(power, position=lamp.head, axis=down, spread=(0.30, 0.88), reach=LAMP_REACH))
        return lights

    def _illuminate(self) -> None:
        """Light of each source on what stands still, with the shadows of what stands still; the sun's warmth."""
        camera, condition, layer = self.camera, self.condition, self.layer
        shade: Raster = np.ones(camera.window.shape, np.float32)
        for thing in self._from_far_to_near():
            for spot in thing.contacts():
                darken(shade, contact_shade(spot, camera))
        shade = 1 - (1 - shade) * self.ground
        self.lit: list[Lit] = []
        # Copies of their own are read faster than channels among others.
        normal, albedo = layer.values[..., NORMAL].copy(), layer.values[..., ALBEDO].copy()
        total = ambient_reflected(albedo, normal, condition.ambient) * shade[..., None] + visible.emitted(layer)
        for light in self._lights():
            window = light.window(camera)
            if window.empty:
                continue
            area = window.within(camera.window)
            landing = land(light, camera, window, self.depth[area])
            shadows = ShadowMap(light, camera, self._casts(light), self._sheets(light))
            kept = shadows.blocked(landing, self.shading[area], camera.width / 640)
            arriving = light.irradiance(normal[area], self.depth[area], window, camera) * (1 - kept)
            if light.position is None and condition.solar:
                self._warm(layer.values[area], arriving, area)
            arriving *= 0.5 + 0.5 * shade[area]
            part = albedo[area] * (arriving[..., None] * light.colour.astype(np.float32))
            self.lit.append(Lit(light, window, landing, shadows, part))
            total[area] += part
        self.glow = self._glow()
        if self.mirror is not None:
            total = self._add_mirror(total)
        self.light = total

    def _casts(self, light: Light) -> list[np.ndarray]:
        """Point groups of everything still that may stand in a light."""
        return [group for thing in self.world.things if thing.in_reach(light) for group in thing.casts()]

    def _sheets(self, light: Light) -> list[Sheet]:
        """Walls that may stand in a light."""
        return [sheet for thing in self.world.things if thing.in_reach(light) for sheet in thing.sheets()]

    def _warm(self, values: PixelValues, arriving: Raster, area: tuple[slice, slice]) -> None:
        """Dark and dry surfaces in the sun grow warm, slowly enough for shadows to blur; leaves and grass sweat."""
        albedo = values[..., ALBEDO]
        taken = (1 - albedo.mean(-1)) * (1 - 0.72 * greenness(albedo)) * self.dry[area]
        taken *= values[..., ALPHA] * (values[..., DEPTH] < FAR / 2)
        # Thin metal and glass give the warmth off again.
        taken *= np.clip((values[..., EMISSIVITY] - 0.80) / 0.14, 0, 1)
        heat = cv2.GaussianBlur(arriving, (0, 0), 2.5 * self.camera.width / 640)
        values[..., TEMPERATURE] += np.float32(self.condition.solar) * taken * heat

    def _glow(self) -> PixelValues | None:
        """Light cones below lamps in misty air."""
        if not self.condition.mist:
            return None
        strength = self.condition.mist * self.condition.lamps
        cones = [
            visible.light_cone(lamp.head, np.array(lamp.colour), self.camera, strength)
            for lamp in self.world.lamps
            if lamp.working and lamp.z < 60
        ]
        if not cones:
            return None
        size = (self.camera.width, self.camera.height)
        return cv2.resize(np.asarray(sum(cones)), size, interpolation=cv2.INTER_LINEAR)

    def _add_mirror(self, total: PixelValues) -> PixelValues:
        """The picture with what wet ground mirrors of it."""
        assert self.mirror is not None
        things = [
            Standing(window, coverage, thing.depths(self.camera, window)) for thing, window, coverage in self.occluders
        ]
        sky = 0.8 * np.array(self.condition.skyline, np.float32)
        image = mirrored(total, things, self.camera, sky)
        return total + self.mirror[..., None] * (image - total)

    def _glaze(self, pane: Pane) -> Glass:
        """Put a pane before what is behind it: for the infrared camera it is all there is to see."""
        cover = polygon_coverage(self.camera.project(pane.corners), self.camera.window) * (self.depth > pane.depth)
        degrees = self.condition.temperatures
        sky, own = (infrared.exitance(degrees[name]) for name in ("sky", "window"))
        self.heat += cover * (sky + GLASS_EMISSIVITY * (own - sky) - self.heat)
        self.light = self.through_glass(self.light, np.ones_like(cover), cover)
        return Glass(pane.depth, cover)

    def through_glass(self, light: PixelValues, coverage: Raster, glass: Raster) -> PixelValues:
        """Light of something that covers each pixel by `coverage`, as it comes through glass before it."""
        if not glass.any():
            return light
        sky = np.array(self.condition.skyline, np.float32)
        return light + (REFLECTED * glass)[..., None] * (coverage[..., None] * sky - light)

    def behind_glass(self, depth: float, window: Window) -> Raster:
        """Share of each pixel in which glass is nearer than `depth`."""
        area = window.within(self.camera.window)
        clear = np.ones(window.shape, np.float32)
        for pane in self.glass:
            if pane.depth < depth:
                clear *= 1 - pane.coverage[area]
        return 1 - clear

    def unhidden(self, depth: float, window: Window) -> Raster:
        """Share of each pixel in which nothing that stands still is nearer than `depth`."""
        left = np.ones(window.shape, np.float32)
        for thing, place, coverage in self.occluders:
            shared = place.clip(window)
            if thing.depth < depth and not shared.empty:
                left[shared.within(window)] *= 1 - coverage[shared.within(place)]
        return left


def darken(share: Raster, shade: tuple[Window, Raster] | None) -> None:
    """Multiply `share` (whole picture) by 1 - shade."""
    if shade is not None:
        window, dark = shade
        share[window.within(Window(0, 0, *share.shape[::-1]))] *= 1 - dark
