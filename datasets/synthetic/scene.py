"""Scene: one world seen by both cameras, frame by frame, with the truth about its people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from datasets.boxes import Boxes
from datasets.synthetic import infrared, visible
from datasets.synthetic.camera import Camera, Window
from datasets.synthetic.conditions import find_condition
from datasets.synthetic.ground import FAR, paint_ground
from datasets.synthetic.layouts import compose
from datasets.synthetic.light import (
    Light,
    ambient_reflected,
    contact_shade,
    ground_share,
    reflected,
    shadow_of,
)
from datasets.synthetic.noise import Field, Noise
from datasets.synthetic.people import Person
from datasets.synthetic.surface import ALPHA, DEPTH, Layer, Values
from datasets.synthetic.vehicles import Vehicle
from datasets.synthetic.world import Thing, World

LAMP_POWER = 15.0
"""Strength of a street lamp at 1 m; a white surface in full sun returns 1."""

HEADLIGHT_POWER = 36.0
"""Strength of a headlight's beam at 1 m."""

SMALLEST = 16.0
"""People lower than this many pixels are ignored by evaluations."""

LEAST_VISIBLE = 0.25
"""People seen less than this share are ignored by evaluations."""


class Rendered(NamedTuple):
    """A rendered pair: infrared ``uint8 [1, H, W]``, visible ``uint8 [3, H, W]``, and its people."""

    infrared: Tensor
    visible: Tensor
    boxes: Boxes


class Truth(NamedTuple):
    """One person's silhouette: coverage over `window` (which may leave the picture), as if alone and as seen."""

    identity: int
    window: Window
    whole: Field
    seen: Field


@dataclass(frozen=True)
class Frame:
    """What the cameras saw and the truths behind the boxes."""

    infrared: Tensor
    visible: Tensor
    truths: tuple[Truth, ...]
    radiance: Field
    """Thermal radiance before optics, noise and gain."""


class _Occluder(NamedTuple):
    depth: float
    window: Window
    coverage: Field


class Scene:
    """A world under one condition, rendered at one size; what stands still is rendered once.

    Args:
        seed: decides the world and all noise.
        condition: a name of `datasets.synthetic.CONDITIONS`.
        size: (width, height) in pixels.
        world: used instead of the seed's own.
    """

    def __init__(self, seed: int, condition: str, size: tuple[int, int], world: World | None = None) -> None:
        if min(size) < 32:
            raise ValueError(f"size {size[0]}x{size[1]}: scenes need at least 32 pixels a side")
        self.seed = seed
        self.condition = find_condition(condition)
        self.world = world or compose(seed, self.condition.oncoming)
        self.camera = self.world.view.camera(size)
        self.noise = Noise(np.random.default_rng(np.random.SeedSequence([seed, 2])))
        self.lights = self._lights()
        self.occluders: list[_Occluder] = []
        self.layer = self._paint_background()
        self._light_background()
        self.heat = infrared.radiated(self.layer, self.condition)
        self.gain = infrared.Gain(self.heat[self.layer.values[..., DEPTH] < FAR / 2], self.condition)
        fixed = np.random.default_rng(np.random.SeedSequence([seed, 3]))
        self.stripes = infrared.detector_stripes((self.camera.height, self.camera.width), fixed)

    def _lights(self) -> list[Light]:
        """Sun and street lamps that reach the scene."""
        condition, lights = self.condition, []
        if any(condition.sun):
            rise, azimuth = np.radians(condition.sun_height), self.world.sun_azimuth
            flat = np.cos(rise)
            direction = np.array((flat * np.cos(azimuth), np.sin(rise), flat * np.sin(azimuth)))
            lights.append(Light(np.array(condition.sun), direction=direction))
        if condition.lamps:
            for lamp in self.world.lamps:
                if lamp.working and lamp.z < 60:
                    power = LAMP_POWER * condition.lamps * np.array(lamp.colour)
                    down = np.array((0.0, -1.0, 0.0))
                    lights.append(Light(power, position=lamp.head, axis=down, spread=(0.30, 0.88)))
        return lights

    def _standing(self) -> list[Thing]:
        """Everything that stands still, from far to near."""
        return sorted((*self.world.things, *self.world.lamps), key=lambda thing: -thing.depth)

    def _paint_background(self) -> Layer:
        base = paint_ground(self.world.ground, self.camera, self.condition, self.noise)
        for thing in self._standing():
            layer = thing.draw(self.camera, self.condition, self.noise)
            window = layer.window.clip(self.camera.window)
            if window.empty:
                continue
            crop = layer.part(window)
            cover = crop[..., ALPHA]
            target = base.part(window)
            target *= 1 - cover[..., None]
            target += crop
            self.occluders.append(_Occluder(thing.depth, window, cover.copy()))
        return base

    def _light_background(self) -> None:
        """Light of each source on what stands still, with the shadows of what stands still."""
        camera, condition, layer = self.camera, self.condition, self.layer
        shade: Field = np.ones(camera.window.shape, np.float32)
        for thing in self._standing():
            for spot in _contacts(thing):
                _darken(shade, contact_shade(spot, camera))
        shade = 1 - (1 - shade) * ground_share(layer)
        self.parts: list[Values] = []
        self.openness: list[Field] = []
        self.ambient = ambient_reflected(layer, condition.ambient) * shade[..., None]
        total = self.ambient + visible.emitted(layer)
        soft = camera.width / 640
        for light in self.lights:
            open_: Field = np.ones(camera.window.shape, np.float32)
            for thing in self.world.things:
                if _in_reach(thing, light, 12.0):
                    _cover(open_, shadow_of(thing.casts(), light, camera, 1.1 * soft))
            self.openness.append(open_)
            open_ = 1 - (1 - open_) * ground_share(layer)
            part = reflected(layer, light, camera) * (open_ * (0.5 + 0.5 * shade))[..., None]
            self.parts.append(part)
            total += part
        self.fog_left = np.exp(-condition.fog * layer.values[..., DEPTH])[..., None] if condition.fog else None
        self.light = visible.through_fog(total, layer.alpha, layer.values[..., DEPTH], condition)
        self.air = np.zeros_like(total)
        if condition.mist:
            for lamp in self.world.lamps:
                if lamp.working and lamp.z < 60:
                    strength = condition.mist * condition.lamps
                    self.air += visible.light_cone(lamp.head, np.array(lamp.colour), camera, strength)

    def frame(self, number: int = 0, frames_per_second: float = 12.0) -> Frame:
        """Frame `number` of the sequence."""
        seconds = number / frames_per_second
        movers = self._movers(seconds)
        headlights = [light for mover in movers if isinstance(mover, Vehicle) for light in self._headlights(mover)]
        light, heat = self.light.copy(), self.heat.copy()
        for lamp in headlights:
            shone = reflected(self.layer, lamp, self.camera)
            light += shone if self.fog_left is None else shone * self.fog_left
        self._throw_shadows(light, movers)
        truths: list[Truth] = []
        for mover in movers:
            truths = self._add(mover, light, heat, headlights, truths)
        sensors = np.random.default_rng(np.random.SeedSequence([self.seed, 4, number]))
        grey = infrared.expose(heat, self.gain, self.stripes, sensors)
        colour = visible.expose(light + self.air, self.condition, sensors)
        truths.sort(key=lambda truth: truth.identity)
        return Frame(
            torch.from_numpy(grey)[None], torch.from_numpy(colour).permute(2, 0, 1).contiguous(), tuple(truths), heat
        )

    def _movers(self, seconds: float) -> list[Person | Vehicle]:
        """People and vehicles where they are at a time, from far to near."""
        movers: list[Person | Vehicle] = [person.at(seconds) for person in self.world.people]
        movers += [vehicle.at(seconds) for vehicle in self.world.vehicles]
        # What has come too near fills the picture and has left the scene.
        return sorted((mover for mover in movers if mover.z > 2.5), key=lambda mover: -mover.depth)

    def _headlights(self, vehicle: Vehicle) -> list[Light]:
        """The beams of a moving vehicle, joined into one."""
        if not (vehicle.lights and self.condition.headlights):
            return []
        nose = vehicle.headlights().mean(0)
        forward = np.array((np.cos(vehicle.heading), -0.06, np.sin(vehicle.heading)))
        colour = HEADLIGHT_POWER * np.array((1.0, 0.97, 0.88))
        return [Light(colour, position=nose, axis=forward / np.linalg.norm(forward), spread=(0.86, 0.985))]

    def _throw_shadows(self, light: Values, movers: Sequence[Person | Vehicle]) -> None:
        """Take the light that `movers` keep from the ground away."""
        shape, ground = light.shape[:2], ground_share(self.layer)
        soft = max(0.4, 0.8 * self.camera.width / 640)
        for source, part in zip(self.lights, self.parts, strict=True):
            open_ = np.ones(shape, np.float32)
            for mover in movers:
                if _in_reach(mover, source, 14.0):
                    # Where two shadows meet, the light can be missing but once.
                    _cover(open_, shadow_of(mover.casts(), source, self.camera, soft))
            taken = part * ((1 - open_) * ground)[..., None]
            light -= taken if self.fog_left is None else taken * self.fog_left
        open_ = np.ones(shape, np.float32)
        for mover in movers:
            for spot in _contacts(mover):
                _darken(open_, contact_shade(spot, self.camera))
        dark = 0.75 * ((1 - open_) * ground)[..., None]
        light *= 1 - (dark if self.fog_left is None else dark * self.fog_left)

    def _add(
        self, mover: Person | Vehicle, light: Values, heat: Field, headlights: list[Light], truths: list[Truth]
    ) -> list[Truth]:
        """Put `mover` into both pictures, in front of what was there, behind what stands nearer."""
        camera, condition = self.camera, self.condition
        layer = mover.draw(camera, condition, self.noise)
        whole = layer.alpha.copy()
        window = layer.window.clip(camera.window)
        seen = np.zeros_like(whole)
        if not window.empty:
            crop = Layer(window, layer.part(window).copy())
            crop.values *= self._unhidden(mover.depth, window)[..., None]
            cover = crop.alpha
            radiance: Values = ambient_reflected(crop, condition.ambient) + visible.emitted(crop)
            for source, open_ in zip(self.lights, self.openness, strict=True):
                radiance += self._share_at_foot(open_, mover) * reflected(crop, source, camera)
            for source in headlights:
                radiance += reflected(crop, source, camera)
            radiance = visible.through_fog(radiance, cover, mover.depth, condition)
            area = window.within(camera.window)
            light[area] = light[area] * (1 - cover[..., None]) + radiance
            heat[area] = heat[area] * (1 - cover) + infrared.radiated(crop, condition)
            seen[window.within(layer.window)] = cover
            truths = [_hidden(truth, window, cover) for truth in truths]
        if isinstance(mover, Person):
            truths.append(Truth(mover.identity, layer.window, whole, seen))
        return truths

    def _share_at_foot(self, open_: Field, mover: Person | Vehicle) -> float:
        """Share of a light that reaches the place where `mover` stands, taken for the whole of it."""
        column, row = self.camera.project(np.array([(mover.x, 0.0, mover.z)]))[0]
        height, width = open_.shape
        return float(open_[int(np.clip(row, 0, height - 1)), int(np.clip(column, 0, width - 1))])

    def _unhidden(self, depth: float, window: Window) -> Field:
        """Share of each pixel in which nothing that stands still is nearer than `depth`."""
        left = np.ones(window.shape, np.float32)
        for occluder in self.occluders:
            shared = occluder.window.clip(window)
            if occluder.depth < depth and not shared.empty:
                left[shared.within(window)] *= 1 - occluder.coverage[shared.within(occluder.window)]
        return left

    def render(self, number: int = 0, frames_per_second: float = 12.0) -> Rendered:
        """Frame `number` with its boxes."""
        frame = self.frame(number, frames_per_second)
        return Rendered(frame.infrared, frame.visible, boxes_of(frame.truths, self.camera))


def _contacts(thing: object) -> list[tuple[float, float, float, float]]:
    """Spots of ground that a thing keeps dark by standing on them."""
    if isinstance(thing, Vehicle):
        middle = thing.place(np.array([(reach, 0.0, 0.0) for reach in (-1.3, 0.0, 1.3)]))
        return [(float(x), float(z), 1.0, 1.0) for x, _, z in middle]
    contact = getattr(thing, "contact", None)
    return [contact()] if contact else []


def _in_reach(thing: object, light: Light, metres: float) -> bool:
    """Whether a thing stands in sunlight, or close enough to a lamp for its shadow to matter.

    Walls and railings throw no shadow by lamplight.
    """
    if light.position is None:
        return True
    x, z = getattr(thing, "x", np.inf), getattr(thing, "z", np.inf)
    return bool(np.hypot(x - light.position[0], z - light.position[2]) < metres)


def _darken(share: Field, shade: tuple[Window, Field] | None) -> None:
    """Multiply `share` (whole picture) by 1 - shade."""
    if shade is not None:
        window, dark = shade
        share[window.within(Window(0, 0, *share.shape[::-1]))] *= 1 - dark


def _cover(share: Field, shade: tuple[Window, Field] | None) -> None:
    """Lower `share` (whole picture) to 1 - shade where it is more."""
    if shade is not None:
        window, dark = shade
        area = share[window.within(Window(0, 0, *share.shape[::-1]))]
        np.minimum(area, 1 - dark, out=area)


def _hidden(truth: Truth, window: Window, cover: Field) -> Truth:
    """The truth after something nearer covered part of it."""
    shared = truth.window.clip(window)
    if shared.empty:
        return truth
    seen = truth.seen.copy()
    seen[shared.within(truth.window)] *= 1 - cover[shared.within(window)]
    return truth._replace(seen=seen)


def boxes_of(truths: tuple[Truth, ...], camera: Camera) -> Boxes:
    """Boxes of the people in the picture.

    A box is tight around the whole silhouette (what it would be without anything in front), clipped to the picture.
    A pixel belongs to it from half coverage on. ``visibility`` is the share of the silhouette's pixels that are seen:
    neither hidden nor outside the picture. People seen less than a quarter, or lower than 16 pixels, are ``ignore``.
    """
    rows, identities, shares = [], [], []
    for truth in truths:
        whole, seen = truth.whole >= 0.5, truth.seen >= 0.5
        inside = truth.window.clip(camera.window)
        if inside.empty:
            continue
        crop = whole[inside.within(truth.window)]
        if not crop.any():
            continue
        lines, columns = np.flatnonzero(crop.any(1)), np.flatnonzero(crop.any(0))
        left, top = inside.left + columns[0], inside.top + lines[0]
        rows.append((left, top, inside.left + columns[-1] + 1, inside.top + lines[-1] + 1))
        identities.append(truth.identity)
        shares.append((seen & whole).sum() / whole.sum())
    xyxy = np.array(rows, dtype=np.float64).reshape(-1, 4)
    visibility = np.array(shares, dtype=np.float64)
    ignore = (visibility < LEAST_VISIBLE) | (xyxy[:, 3] - xyxy[:, 1] < SMALLEST)
    return Boxes(xyxy, ids=np.array(identities, dtype=np.int64), ignore=ignore, visibility=visibility)
