"""Buildings: walls with windows, doors and signs, evaluated at every pixel so that no edge is jagged."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ivif.datasets.synthetic.conditions import Colour, Condition
from ivif.datasets.synthetic.optics.camera import Camera, Points, Window
from ivif.datasets.synthetic.optics.light import Light
from ivif.datasets.synthetic.optics.noise import Noise, Raster, band, repeated_band, smooth_step
from ivif.datasets.synthetic.optics.shadows import Sheet
from ivif.datasets.synthetic.optics.surface import (
    ALBEDO,
    ALPHA,
    CHANNEL_COUNT,
    DEPTH,
    EMISSION,
    EMISSIVITY,
    NORMAL,
    TEMPERATURE,
    PixelValues,
    SurfaceLayer,
)
from ivif.datasets.synthetic.things.thing import Thing

ROOM_LIGHTS = np.array(((1.0, 0.78, 0.45), (1.0, 0.88, 0.66), (0.80, 0.90, 1.0), (1.0, 0.70, 0.35)), np.float32)
"""Colours of lit rooms."""

SHOP_HEIGHT = 3.2
"""Metres up to which a ground floor has shops."""

WINDOW_FRAME, DOOR_FRAME, GLASS, INK = (0.41, 0.395, 0.37), (0.25, 0.24, 0.23), (0.05, 0.055, 0.06), (0.75, 0.74, 0.68)


@dataclass(frozen=True)
class Style:
    """The look of a facade; lengths in metres.

    Attributes:
        colour: of plaster or brick.
        brick: whether bricks show.
        floor: height of a storey.
        pitch: distance from window to window.
        window: width and height of the panes.
        sill: their height above the floor.
        shops: whether the ground floor has show windows, doors and boards.
        sign, sign_colour: what the boards say, and their ground.
        phase: where along the wall the first window's bay begins.
        seed: decides which windows are lit, heated, curtained.
    """

    colour: Colour
    brick: bool
    floor: float
    pitch: float
    window: tuple[float, float]
    sill: float
    shops: bool
    sign: str
    sign_colour: Colour
    phase: float
    seed: int


@dataclass(frozen=True)
class Wall(Thing):
    """An upright rectangle.

    It faces the camera (`side` False: x from `start` to `end` at z = `place`) or recedes (`side` True: z from
    `start` to `end` at x = `place`).
    """

    side: bool
    place: float
    start: float
    end: float
    height: float
    style: Style

    @property
    def depth(self) -> float:
        """Where it stands in the painting order: at its far end, as what touches it stands in front."""
        return self.end if self.side else self.place

    @property
    def floors(self) -> int:
        """Number of storeys."""
        return max(1, int((self.height - 0.6) / self.style.floor))

    def corners(self) -> Points:
        """Its four corners."""
        ends = (self.start, self.end)
        feet = [(self.place, 0.0, s) if self.side else (s, 0.0, self.place) for s in ends]
        return np.array([*feet, *((x, self.height, z) for x, _, z in reversed(feet))])

    def depths(self, camera: Camera, window: Window) -> Raster | float:
        """Its distance from the camera in each column of `window`."""
        if not self.side:
            return self.place
        columns = np.arange(window.left, window.right, dtype=np.float32) + 0.5 - camera.column
        z = (self.place - camera.x) * camera.focal / np.where(np.abs(columns) < 1e-3, 1e-3, columns)
        return np.clip(z, self.start, self.end)

    def sheets(self) -> list[Sheet]:
        """What throws its shadow."""
        return [Sheet(self.corners(), 0 if self.side else 2)]

    def in_reach(self, light: Light) -> bool:
        """Whether light falls on any of it."""
        if light.position is None:
            return True
        x, _, z = light.position
        along = np.clip(z if self.side else x, self.start, self.end)
        right, away = (self.place, along) if self.side else (along, self.place)
        return bool(np.hypot(right - x, away - z) < light.reach)

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        """Its layer."""
        layer = SurfaceLayer.blank(Window.around(camera.project(self.corners())).clip(camera.window))
        if not layer.window.empty:
            facade = _Facade(self, camera, layer.window, condition, noise)
            facade.lay_masonry()
            facade.add_windows()
            if self.style.shops:
                facade.below(SHOP_HEIGHT).add_shops()
            layer.values[...] = facade.values()
        return layer


class _Facade:
    """A wall in the making: coordinates (s along, t up, metres) of each pixel, its extents there, its channels.

    What is the same along a column or a row has the shape ``[1, columns]`` or ``[rows, 1]``.
    """

    def __init__(self, wall: Wall, camera: Camera, window: Window, condition: Condition, noise: Noise) -> None:
        self.wall, self.style, self.degrees = wall, wall.style, condition.temperatures
        self.condition, self.noise = condition, noise
        slope, drop = camera.axes(window)
        focal = np.float32(camera.focal)
        if wall.side:
            aside = np.float32(wall.place - camera.x)
            same = slope * np.sign(aside) > 1e-4
            self.z = np.where(same, aside / np.where(same, slope, 1), 1e4).astype(np.float32)
            place, self.ds = self.z, self.z**2 / (focal * abs(aside))
        else:
            self.z = np.full((1, 1), wall.place, np.float32)
            place, self.ds = slope * self.z + np.float32(camera.x), self.z / focal
        self.dt = self.z / focal
        self.t: Raster = np.float32(camera.elevation) - drop * self.z
        self.cover = band(place, wall.start, wall.end, self.ds) * band(self.t, 0, wall.height, self.dt)
        self.s: Raster = place - np.float32(wall.start - wall.style.phase)
        shape = window.shape
        self.albedo, self.emission = np.zeros((*shape, 3), np.float32), np.zeros((*shape, 3), np.float32)
        self.temperature, self.emissivity = np.zeros(shape, np.float32), np.full(shape, 0.94, np.float32)
        self.rooms = _rooms(wall)

    def below(self, height: float) -> _Facade:
        """The rows of the picture that show anything below a height: what is painted there is painted here."""
        rows = np.flatnonzero((self.t < height).any(1))
        part = copy(self)
        for name in ("t", "z", "s", "ds", "dt", "cover", "albedo", "emission", "temperature", "emissivity"):
            values = getattr(self, name)
            if len(values) > 1:
                setattr(part, name, values[rows[0] : rows[-1] + 1] if len(rows) else values[:0])
        return part

    def values(self) -> PixelValues:
        """All channels, multiplied by coverage."""
        values = np.zeros((*self.cover.shape, CHANNEL_COUNT), np.float32)
        values[..., ALBEDO], values[..., EMISSION] = self.albedo, self.emission
        values[..., TEMPERATURE], values[..., EMISSIVITY] = self.temperature, self.emissivity
        values[..., DEPTH] = self.z
        values[..., NORMAL] = (-float(np.sign(self.wall.place)), 0, 0) if self.wall.side else (0, 0, -1)
        values[..., ALPHA] = 1
        values *= self.cover[..., None]
        return values

    def paint(self, cover: Raster, colour: Colour | PixelValues) -> None:
        """Put a colour over the wall where `cover` says."""
        self.albedo += cover[..., None] * (np.asarray(colour, np.float32) - self.albedo)

    def heat(self, cover: Raster, degrees: Raster | float) -> None:
        """Put a temperature over the wall where `cover` says."""
        self.temperature += cover * (degrees - self.temperature)

    def shine(self, strength: Raster, colour: Colour | PixelValues) -> None:
        """Add visible light."""
        self.emission += strength[..., None] * np.asarray(colour, np.float32)

    def lay_masonry(self) -> None:
        """Plaster or brick with dirt and streaks of rain; floor slabs and foundations that leak heat."""
        s, t, style, noise = self.s + np.float32(self.style.seed % 97), self.t, self.style, self.noise
        fine = np.maximum(self.ds, self.dt)
        texture = 1 + 0.07 * noise.fractal(s, t, (5.0, 1.6, 0.5, 0.15), fine)
        texture += 0.07 * noise.fractal(s, t, (0.5, 0.2), self.ds, aspect=14.0)
        texture -= 0.25 * np.exp(-np.maximum(t, 0) / 0.5) + 0.10 * np.exp(-np.maximum(self.wall.height - t, 0) / 0.7)
        if style.brick:
            texture += self._bricks(fine)
        slab = band(np.mod(t, style.floor), style.floor - 0.28, style.floor, self.dt)
        cornice = band(t, self.wall.height - 0.45, self.wall.height, self.dt)
        texture += 0.25 * cornice - 0.06 * slab
        texture -= 0.4 * band(t, self.wall.height - 0.55, self.wall.height - 0.45, self.dt)
        self.albedo += np.array(style.colour, np.float32) * np.clip(texture, 0.1, 2)[..., None]
        warmth = 0.5 * noise.fractal(s, t, (6.0, 2.0, 0.7), fine) + 0.7 * slab - 0.5 * cornice
        warmth += 0.8 * np.exp(-np.maximum(t, 0) / 0.8)
        self.temperature += self.degrees["wall"] + self.condition.relief * warmth

    def _bricks(self, fine: Raster) -> Raster:
        """Texture of courses: every brick its own tone, bright joints."""
        course = np.floor(self.t / 0.085)
        shifted = self.s + 0.14 * np.mod(course, 2)
        upright = repeated_band(shifted, 0, 0.014, 0.28, self.ds)
        joint = np.maximum(repeated_band(self.t, 0, 0.014, 0.085, self.dt), upright)
        tone = self.noise.at(np.floor(shifted / 0.28) * 3.1, course * 2.3, 1.0)
        return 0.15 * tone * np.clip(1.5 - 6 * fine, 0, 1) + 0.35 * joint

    def add_windows(self) -> None:
        """Windows in a grid: frames, glass that mirrors the sky, curtains; some rooms lit, some heated."""
        style, degrees = self.style, self.degrees
        level, column = np.floor(self.t / style.floor), np.floor(self.s / style.pitch)
        width, height = style.window
        s = self.s - column * style.pitch - (style.pitch - width) / 2
        t = self.t - level * style.floor - style.sill
        present = (level >= (1 if style.shops else 0)) & (level < self.wall.floors)
        row = np.clip(level, 0, self.wall.floors - 1).astype(int)
        room = self.rooms[row, np.mod(column, self.rooms.shape[1]).astype(int)]
        frame = band(s, -0.12, width + 0.12, self.ds) * band(t, -0.14, height + 0.1, self.dt) * present
        self.paint(0.8 * frame, WINDOW_FRAME)
        # Warm air leaks around the panes of heated rooms.
        leak = (0.2 + 0.45 * room[..., 1]) * (degrees["heated"] - degrees["wall"])
        self.temperature += (frame * leak).astype(np.float32)
        pane = band(s, 0, width, self.ds) * band(t, 0, height, self.dt) * present
        upright = band(s, width / 2 - 0.035, width / 2 + 0.035, self.ds)
        bars = np.maximum(upright, band(t, 0.68 * height, 0.68 * height + 0.06, self.dt))
        self._glaze(pane, s / width, np.clip(t / height, 0, 1), room)
        self.emission *= 1 - (pane * bars)[..., None]
        self.paint(pane * bars, WINDOW_FRAME)
        warmth = degrees["window"] + (degrees["heated"] - degrees["window"]) * room[..., 1] ** 2
        self.heat(pane, warmth)
        self.emissivity += pane * (1 - bars) * (0.88 - self.emissivity)

    def _glaze(self, pane: Raster, across: Raster, up: Raster, room: PixelValues) -> None:
        """Visible look of panes; `across` and `up` run over a pane in 0..1."""
        condition = self.condition
        daylight = float(np.mean(condition.ambient))
        sky = (0.35 + 0.65 * up * room[..., 3])[..., None] * np.array(condition.skyline, np.float32)
        mirrored = 0.05 + 0.25 * sky
        folds = 1 + 0.25 * np.sin(40 * self.style.window[0] * across)
        drape = smooth_step(0.55, 0.6, room[..., 2]) * (np.abs(across - 0.5) > 0.25) * folds
        cloth = 0.22 * drape * (0.3 + 0.7 * min(1.0, 2 * condition.ambient[0] + 0.1))
        self.paint(pane, 0.6 * (0.5 * mirrored + cloth[..., None]))
        self.shine(pane * 0.35 * daylight, mirrored)
        glow = room[..., 0] * condition.lamps * (0.55 + 0.45 * up) * (1 - 0.45 * drape)
        glow = glow * (1 + 0.15 * self.noise.fractal(self.s, self.t, (0.6, 0.25), self.ds))
        self.shine(0.75 * pane * np.clip(glow, 0, 2), ROOM_LIGHTS[np.mod((room[..., 4] * 4).astype(int), 4)])

    def add_shops(self) -> None:
        """Ground floor: show windows, doors, and boards with letters, which infrared light does not see."""
        bay = self.style.pitch * 1.5
        column = np.floor(self.s / bay)
        s = self.s - column * bay
        room = self.rooms[0, np.mod(column, self.rooms.shape[1]).astype(int)]
        door = room[..., 2] > 0.6
        left, right = np.where(door, 0.30, 0.08) * bay, np.where(door, 0.70, 0.92) * bay
        glass = band(s, left, right, self.ds) * band(self.t, np.where(door, 0.05, 0.55), 2.35, self.dt)
        upright = band(s, bay / 2 - 0.04, bay / 2 + 0.04, self.ds)
        bars = np.maximum(upright, band(self.t, 2.0, 2.06, self.dt))
        self.paint(glass, GLASS)
        goods = 0.5 + 0.5 * np.clip(self.noise.fractal(self.s, self.t, (0.9, 0.4, 0.18), self.ds), -1, 1)
        lit = (room[..., 1] > 0.55) * self.condition.lamps * (0.2 + 0.5 * goods)
        self.shine(glass * (1 - bars) * lit, ROOM_LIGHTS[np.mod((room[..., 4] * 4).astype(int), 4)])
        self.shine(glass * 0.10 * float(np.mean(self.condition.ambient)), self.condition.skyline)
        self.paint(glass * bars, DOOR_FRAME)
        warmer = self.degrees["heated"] - self.degrees["window"]
        self.heat(glass, self.degrees["window"] + 0.6 * warmer * room[..., 3])
        self.emissivity += glass * (0.88 - self.emissivity)
        self._add_boards(s, bay, room)

    def _add_boards(self, s: Raster, bay: float, room: PixelValues) -> None:
        board = band(s, 0.25, bay - 0.25, self.ds) * band(self.t, 2.5, 3.05, self.dt) * (room[..., 3] > 0.35)
        # On the right-hand side of a street, what is further away is further left.
        reading = 1 - s / bay if self.wall.side and self.wall.place > 0 else s / bay
        letters = board * _letters(self.style.sign, reading, (self.t - 2.5) / 0.55)
        self.paint(board, self.style.sign_colour)
        self.paint(letters, INK)
        self.shine(0.5 * letters * (room[..., 1] > 0.4) * self.condition.lamps, (1.0, 0.95, 0.8))
        self.heat(board, self.degrees["metal"] + 1.5)


def _rooms(wall: Wall) -> PixelValues:
    """Random state of each window's room ``[floors, 64, 5]``: light, heating, curtain, reflection, colour of light."""
    table = np.random.default_rng(wall.style.seed).random((wall.floors, 64, 5)).astype(np.float32)
    table[..., 0] = np.where(table[..., 0] < 0.28, 0.4 + 2.1 * table[..., 0], 0)
    return table


def _letters(text: str, s: Raster, t: Raster) -> Raster:
    """Coverage of a line of text stretched over s, t in 0..1."""
    canvas: NDArray = np.zeros((64, 512), np.uint8)
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 1.5, 3)
    cv2.putText(canvas, text, ((512 - width) // 2, 48), cv2.FONT_HERSHEY_DUPLEX, 1.5, 255, 3, cv2.LINE_AA)
    canvas = cv2.GaussianBlur(canvas, (0, 0), 1.0)
    shape = np.broadcast_shapes(s.shape, t.shape)
    if 0 in shape:
        return np.zeros(shape, np.float32)
    column, row = (np.broadcast_to(place, shape).astype(np.float32) for place in (s * 511, (1 - t) * 63))
    return cv2.remap(canvas, column, row, cv2.INTER_LINEAR, borderValue=0).astype(np.float32) / 255
