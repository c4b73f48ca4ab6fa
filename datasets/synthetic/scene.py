"""Scene: one world seen by both cameras, frame by frame, with the truth about its people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from ivif.datasets.boxes import Boxes
from ivif.datasets.synthetic.conditions import find_condition, under_roof
from ivif.datasets.synthetic.optics import infrared, visible
from ivif.datasets.synthetic.optics.air import Air, streaks
from ivif.datasets.synthetic.optics.camera import Camera, Window
from ivif.datasets.synthetic.optics.camera_settings import draw_camera_settings
from ivif.datasets.synthetic.optics.light import Light, ambient_reflected, contact_shade, reflected
from ivif.datasets.synthetic.optics.misalignment import Misalignment, draw_misalignment
from ivif.datasets.synthetic.optics.noise import Noise, Raster
from ivif.datasets.synthetic.optics.shadows import ShadowMap, land
from ivif.datasets.synthetic.optics.surface import ALBEDO, NORMAL, PERSON, PixelValues, SurfaceLayer
from ivif.datasets.synthetic.optics.wet import HEAT_SHARE, flipped
from ivif.datasets.synthetic.places.background import Background
from ivif.datasets.synthetic.places.composition import compose
from ivif.datasets.synthetic.places.ground import FAR
from ivif.datasets.synthetic.places.world import World
from ivif.datasets.synthetic.things.people import Person
from ivif.datasets.synthetic.things.thing import Mover
from ivif.datasets.synthetic.things.walking import Crowd
from ivif.datasets.synthetic.truth import Mirrored, Truth, boxes_of, instances_of

SWEEP, SWEEP_SECONDS = 0.22, 16.0
"""How far a panning camera sweeps, as a share of the picture's width, and how long until it is back."""

RAIN_EXTINCTION = 0.006
"""Share of heat that rain takes a metre, and replaces by its own."""


class Rendered(NamedTuple):
    """A rendered pair with its truth.

    Attributes:
        infrared: ``uint8 [1, H, W]``.
        visible: ``uint8 [3, H, W]``.
        boxes: people in the infrared picture, as wholes (see `datasets.synthetic.truth.boxes_of`).
        seen: boxes of what is seen of them; rows as in `boxes`.
        instances: identity of who is seen at each pixel, ``int32 [H, W]``, 0 where nobody is.
        depth: metres along the viewing axis, ``float32 [H, W]``; 900 is the sky.
        visible_boxes: people in the visible picture; other than `boxes` only where the cameras are misaligned.
    """

    infrared: Tensor
    visible: Tensor
    boxes: Boxes
    seen: Boxes
    instances: Tensor
    depth: Tensor
    visible_boxes: Boxes


@dataclass
class SceneFrame:
    """What the cameras saw and the truths behind the boxes; windows and rasters are those of the canvas."""

    picture: Window
    light: PixelValues
    heat: Raster
    depth: Raster
    truths: list[Truth] = field(default_factory=list)
    mirrors: list[Mirrored] = field(default_factory=list)

    def boxes(self) -> tuple[Boxes, Boxes]:
        """Boxes of whole people, and of what is seen of them."""
        return boxes_of(self.truths, self.picture, self.mirrors)


class SyntheticScene:
    """A world under one condition, rendered at one size; what stands still is rendered once.

    Args:
        seed: decides the world and all noise.
        condition: a name of `datasets.synthetic.CONDITIONS`.
        size: (width, height) in pixels.
        world: used instead of the seed's own.
        pan: whether the camera turns slowly to and fro; it starts where a still one stands.
        eye: where the camera differs from the reference; misaligned conditions draw their visible camera's.
        crossover: share of the contrast to what is behind them that people have lost for the infrared camera: 1 makes
            them as warm as that.
    """

    def __init__(
        self,
        seed: int,
        condition: str,
        size: tuple[int, int],
        world: World | None = None,
        pan: bool = False,
        eye: Misalignment | None = None,
        crossover: float = 0.0,
    ) -> None:
        if min(size) < 32:
            raise ValueError(f"size {size[0]}x{size[1]}: scenes need at least 32 pixels a side")
        self.seed, self.size, self.pan, self.crossover = seed, size, pan, crossover
        self.condition = find_condition(condition)
        self.world = world or compose(seed, self.condition)
        self.misalignment = draw_misalignment(seed) if self.condition.misaligned and eye is None else None
        self.eye = eye or Misalignment()
        self.settings = draw_camera_settings(seed)
        if self.world.indoors:
            self.condition = under_roof(self.condition)
        self.camera = self._canvas()
        self.noise = Noise(np.random.default_rng(np.random.SeedSequence([seed, 2])))
        self.background = Background(self.world, self.camera, self.condition, self.noise)
        self.crowd = Crowd(self.world.people, self.world.obstacles())
        start = self.picture(0.0).within(self.camera.window)
        ground = self.background.depth[start] < FAR / 2
        self.gain = infrared.Gain(self.background.heat[start][ground], self.condition, self.settings)
        fixed = np.random.default_rng(np.random.SeedSequence([seed, 3]))
        self.pattern = infrared.detector_pattern((size[1], size[0]), self.settings, fixed)
        self.still_air = None if self.condition.smoke else self._air(0.0)
        self.twin = (
            SyntheticScene(seed, condition, size, self.world, pan, self.misalignment) if self.misalignment else None
        )

    def _canvas(self) -> Camera:
        """The camera whose picture holds all pictures that a panning one takes."""
        camera = self.world.view.camera(self.size)
        width = self.size[0]
        extra = self._sweep() if self.pan else 0
        return replace(
            camera,
            width=width + extra,
            column=camera.column + (extra if self._leftwards() else 0) + self.eye.columns * width,
            horizon=camera.horizon + self.eye.rows * width,
            x=self.eye.baseline,
        )

    def _sweep(self) -> int:
        return round(SWEEP * self.size[0])

    def _leftwards(self) -> bool:
        return self.pan and self.seed % 2 == 0

    def picture(self, seconds: float) -> Window:
        """The part of the canvas that is taken at a time."""
        width, height = self.size
        swept = 0
        if self.pan:
            swept = round(self._sweep() * (0.5 - 0.5 * np.cos(2 * np.pi * seconds / SWEEP_SECONDS)))
        left = self._sweep() - swept if self._leftwards() else swept
        return Window(left, 0, left + width, height)

    def _air(self, seconds: float) -> Air:
        return Air(self.condition, self.camera, self.noise, seconds, self.world.smoke)

    def frame(self, number: int = 0, frames_per_second: float = 12.0) -> SceneFrame:
        """Frame `number` of the sequence, before lenses and sensors."""
        seconds = number / frames_per_second + self.eye.seconds
        movers = self._movers(seconds)
        still, air = self.background, self.still_air or self._air(seconds)
        frame = SceneFrame(self.picture(seconds), still.light.copy(), still.heat.copy(), still.depth.copy())
        headlights = [light for mover in movers for light in mover.beams(self.condition)]
        for lamp in headlights:
            window = lamp.window(self.camera)
            if not window.empty:
                part = SurfaceLayer(window, still.layer.part(window))
                frame.light[window.within(self.camera.window)] += reflected(part, lamp, self.camera)
        self._throw_shadows(frame.light, movers)
        whole = self.camera.window
        frame.light = air.through(frame.light, np.ones(whole.shape, np.float32), whole, still.depth)
        for mover in movers:
            self._add(frame, mover, headlights, air)
        if self.condition.rain:
            left = np.exp(-RAIN_EXTINCTION * frame.depth)
            frame.heat = frame.heat * left + (1 - left) * infrared.exitance(self.condition.temperatures["air"])
        if still.glow is not None:
            frame.light += still.glow
        frame.truths.sort(key=lambda truth: truth.identity)
        return frame

    def _movers(self, seconds: float) -> list[Mover]:
        """People, animals and vehicles where they are at a time, from far to near."""
        movers: list[Mover] = [
            *self.crowd.at(seconds),
            *(vehicle.at(seconds) for vehicle in self.world.vehicles),
            *(animal.at(seconds) for animal in self.world.animals),
        ]
        # What has come too near fills the picture and has left the scene.
        return sorted((mover for mover in movers if mover.z > 2.5), key=lambda mover: -mover.depth)

    def _throw_shadows(self, light: PixelValues, movers: Sequence[Mover]) -> None:
        """Take away the light that `movers` keep from what stands still."""
        still, soft = self.background, max(0.4, 0.8 * self.size[0] / 640)
        for lit in still.lit:
            groups = [group for mover in movers if mover.in_reach(lit.light) for group in mover.casts()]
            shadows = ShadowMap(lit.light, self.camera, groups)
            if not shadows.window.empty:
                area = lit.window.within(self.camera.window)
                kept = shadows.blocked(lit.landing, 0.02, soft)
                light[area] -= lit.part * kept[..., None]
        for mover in movers:
            for spot in mover.contacts():
                shade = contact_shade(spot, self.camera)
                if shade is not None:
                    area = shade[0].within(self.camera.window)
                    light[area] *= 1 - 0.75 * (shade[1] * still.ground[area])[..., None]

    def _add(self, frame: SceneFrame, mover: Mover, headlights: list[Light], air: Air) -> None:
        """Put `mover` into both pictures, in front of what was there, behind what stands nearer."""
        layer = mover.draw(self.camera, self.condition, self.noise)
        person = isinstance(mover, Person)
        whole = layer.values[..., PERSON].copy() if person else layer.alpha
        window = layer.window.clip(self.camera.window)
        seen = np.zeros_like(whole)
        if not window.empty:
            free = self.background.unhidden(mover.depth, window)
            crop = SurfaceLayer(window, layer.part(window) * free[..., None])
            light = air.through(self._lit(crop, mover, headlights), crop.alpha, window, mover.depth)
            heat = infrared.radiated(crop.values, self.condition)
            if person and self.crossover:
                behind = frame.heat[window.within(self.camera.window)]
                heat += np.float32(self.crossover) * (crop.alpha * behind - heat)
            glass = self.background.behind_glass(mover.depth, window)
            if self.background.mirror is not None:
                self._mirror(frame, mover, crop, light, heat)
            cover = crop.alpha
            area = window.within(self.camera.window)
            smeared, smeared_cover = _smeared(light, cover, self._smear(mover))
            smeared = self.background.through_glass(smeared, smeared_cover, glass)
            frame.light[area] = frame.light[area] * (1 - smeared_cover[..., None]) + smeared
            frame.heat[area] += (1 - glass) * (heat - cover * frame.heat[area])
            frame.depth[area][cover >= 0.5] = mover.depth
            seen[window.within(layer.window)] = whole[window.within(layer.window)] * free
            frame.truths = [_hidden(truth, window, cover) for truth in frame.truths]
        if isinstance(mover, Person):
            frame.truths.append(Truth(mover.identity, layer.window, whole, seen))

    def _lit(self, crop: SurfaceLayer, mover: Mover, headlights: list[Light]) -> PixelValues:
        """Light that a mover sends to the camera, in the shadow of what stands still."""
        values = crop.values
        normal = values[..., NORMAL] / np.maximum(crop.alpha, 1e-3)[..., None]
        radiance: PixelValues = ambient_reflected(values[..., ALBEDO], normal, self.condition.ambient)
        radiance += visible.emitted(crop)
        for lit in self.background.lit:
            shared = crop.window.clip(lit.window)
            if shared.empty:
                continue
            part = SurfaceLayer(shared, crop.part(shared))
            kept = lit.shadows.blocked(land(lit.light, self.camera, shared, mover.depth), 0.12, 0.8)
            radiance[shared.within(crop.window)] += reflected(part, lit.light, self.camera) * (1 - kept)[..., None]
        for source in headlights:
            radiance += reflected(crop, source, self.camera)
        return radiance

    def _mirror(self, frame: SceneFrame, mover: Mover, crop: SurfaceLayer, light: PixelValues, heat: Raster) -> None:
        """Add a mover's image in the wet ground before it."""
        stack = np.concatenate((light, heat[..., None], crop.values[..., PERSON, None], crop.alpha[..., None]), axis=-1)
        window, turned = flipped(crop.window, stack, mover.depth, self.camera)
        inside = window.clip(self.camera.window)
        if inside.empty:
            return
        turned = turned[inside.within(window)]
        area = inside.within(self.camera.window)
        assert self.background.mirror is not None
        free = self.background.mirror[area] * self.background.unhidden(mover.depth, inside)
        cover = turned[..., 5]
        share, warm = (free * cover)[..., None], HEAT_SHARE * free
        frame.light[area] += free[..., None] * turned[..., :3] - share * frame.light[area]
        frame.heat[area] += warm * (turned[..., 3] - cover * frame.heat[area])
        if isinstance(mover, Person):
            frame.mirrors.append(Mirrored(inside, free * turned[..., 4]))

    def _smear(self, mover: Mover) -> float:
        """Pixels that a mover crosses sideways while the visible sensor collects light."""
        right, away = mover.speed * np.cos(mover.heading), mover.speed * np.sin(mover.heading)
        passing = self.camera.focal * (right * mover.z - (mover.x - self.camera.x) * away) / mover.z**2
        return float(abs(passing) * self.condition.shutter)

    def render(self, number: int = 0, frames_per_second: float = 12.0) -> Rendered:
        """Frame `number` with its truth."""
        frame = self.frame(number, frames_per_second)
        boxes, seen = frame.boxes()
        other = self.twin.frame(number, frames_per_second) if self.twin else frame
        area = frame.picture.within(self.camera.window)
        sensors = np.random.default_rng(np.random.SeedSequence([self.seed, 4, number]))
        grey = infrared.grey_picture(
            np.ascontiguousarray(frame.heat[area]), self.gain, self.pattern, self.settings, sensors
        )
        light = other.light[area]
        if self.condition.rain:
            drops = streaks(light.shape[:2], self.condition.rain, sensors)
            light = light + drops[..., None] * (2.0 * np.array(self.condition.skyline, np.float32))
        colour = visible.colour_picture(light, self.condition, self.settings, sensors)
        return Rendered(
            torch.from_numpy(grey)[None],
            torch.from_numpy(colour.copy()).permute(2, 0, 1).contiguous(),
            boxes,
            seen,
            torch.from_numpy(instances_of(frame.truths, frame.picture)),
            torch.from_numpy(frame.depth[area].copy()),
            other.boxes()[0],
        )


def render_pair(seed: int, condition: str = "day", size: tuple[int, int] = (640, 480)) -> Rendered:
    """One pair of a fresh scene.

    The same seed gives the same world under every condition, but for what the condition itself asks for (see
    `datasets.synthetic.places.composition.compose`), and the same bytes in every process. Other processor
    architectures, and other versions of NumPy and OpenCV, may round differently in the last bit of a few pixels.

    Args:
        seed: not negative; decides what is in the scene and all noise.
        condition: one of `datasets.synthetic.CONDITIONS`.
        size: (width, height) in pixels, at least 32 each.

    Raises:
        ValueError: unknown condition, negative seed, or size too small.
    """
    return SyntheticScene(seed, condition, size).render()


def render_sequence(
    seed: int,
    condition: str,
    length: int,
    size: tuple[int, int] = (640, 480),
    frames_per_second: float = 12.0,
    pan: bool = False,
) -> Iterator[Rendered]:
    """The first `length` frames of a scene: people, animals and cars move, `ids` last.

    With `pan` the camera turns slowly to one side and back. Without, it stands still, and frame 0 is what `render_pair`
    gives. Raises as `render_pair` does.
    """
    scene = SyntheticScene(seed, condition, size, pan=pan)
    for number in range(length):
        yield scene.render(number, frames_per_second)


def _smeared(light: PixelValues, cover: Raster, length: float) -> tuple[PixelValues, Raster]:
    """Light and coverage of something that moved sideways by `length` pixels during the exposure."""
    width = round(length)
    if width < 2 or width >= cover.shape[1]:
        return light, cover
    return cv2.blur(light, (width, 1)), cv2.blur(cover, (width, 1))


def _hidden(truth: Truth, window: Window, cover: Raster) -> Truth:
    """The truth after something nearer covered part of it."""
    shared = truth.window.clip(window)
    if shared.empty:
        return truth
    seen = truth.seen.copy()
    seen[shared.within(truth.window)] *= 1 - cover[shared.within(window)]
    return truth._replace(seen=seen)
