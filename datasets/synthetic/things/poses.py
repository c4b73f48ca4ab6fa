"""Poses: the skeleton of somebody who walks, stands or rides a bicycle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ivif.datasets.synthetic.optics.camera import Points

UP = np.array((0.0, 1.0, 0.0))

THIGH, SHANK, UPPER_ARM, FOREARM = 0.43, 0.42, 0.29, 0.25
"""Lengths of limbs in metres, of somebody 1.75 m tall."""

TRUNK = 0.40
"""From hips to chest, likewise."""


class Joints(NamedTuple):
    """A posed skeleton in world metres; pairs are (left, right)."""

    pelvis: Points
    chest: Points
    neck: Points
    head: Points
    hips: tuple[Points, Points]
    knees: tuple[Points, Points]
    ankles: tuple[Points, Points]
    toes: tuple[Points, Points]
    shoulders: tuple[Points, Points]
    elbows: tuple[Points, Points]
    wrists: tuple[Points, Points]
    forward: Points
    left: Points

    @property
    def spine(self) -> Points:
        """Unit vector from hips to chest."""
        way = self.chest - self.pelvis
        return way / np.linalg.norm(way)

    def everything(self) -> Points:
        """All joints, ``[n, 3]``."""
        limbs = (self.hips, self.knees, self.ankles, self.toes, self.shoulders, self.elbows, self.wrists)
        return np.stack([self.pelvis, self.chest, self.head, *(joint for pair in limbs for joint in pair)])


def directions(heading: float) -> tuple[Points, Points]:
    """(forward, left) unit vectors."""
    return np.array((np.cos(heading), 0.0, np.sin(heading))), np.array((-np.sin(heading), 0.0, np.cos(heading)))


def walking(
    x: float, z: float, heading: float, phase: float, size: float, girth: float, speed: float, rest: int
) -> Joints:
    """The gait at `phase`: thigh and arm swing as sines, knees bend while their leg swings forward.

    Args:
        x, z: place on the ground.
        heading: radians from the x axis.
        phase: of the gait, 2 pi for two steps.
        size: height relative to 1.75 m.
        girth: width relative to the average.
        speed: metres a second; at rest arms hang or are folded.
        rest: which of three ways to hold the arms at rest.
    """
    forward, left = directions(heading)
    vigour = min(1.0, speed / 1.2)
    limbs: list[list[Points]] = [[] for _ in range(7)]
    for side, turn in ((1.0, phase), (-1.0, phase + np.pi)):
        swing = np.radians(24 * vigour) * np.sin(turn) + (0.0 if vigour else 0.03 * side)
        bend = np.radians(5 + 47 * vigour * max(0.0, np.cos(turn)) ** 1.4)
        hip = side * 0.095 * size * left
        knee = hip + THIGH * size * _swung(forward, swing)
        ankle = knee + SHANK * size * _swung(forward, swing - bend)
        lift = np.radians(15 * vigour * np.cos(turn))
        toe = ankle + 0.17 * size * (forward * np.cos(lift) - UP * (0.12 + max(0.0, np.sin(-lift)) * 0.5))
        arm = np.radians(3 - 24 * vigour * np.sin(turn))
        fold = np.radians(12 + 22 * vigour * max(0.0, -np.sin(turn)) + (0 if vigour else (0, 18, 75)[rest % 3]))
        shoulder = UP * 0.455 * size + side * 0.170 * size * girth * left
        inwards = (0.05 if fold > 1 else 0.0) * side * left
        elbow = shoulder + UPPER_ARM * size * _swung(forward, arm) + side * 0.035 * left
        wrist = elbow + FOREARM * size * _swung(forward, arm + fold) - 2 * inwards
        for found, joint in zip(limbs, (hip, knee, ankle, toe, shoulder, elbow, wrist), strict=True):
            found.append(joint)
    lowest = min(float(joint[1]) for joint in (*limbs[2], *limbs[3]))
    pelvis = np.array((x, 0.065 * size - lowest, z))
    upper = pelvis + forward * 0.03 * vigour
    shifts = (pelvis,) * 4 + (upper,) * 3
    hips, knees, ankles, toes, shoulders, elbows, wrists = (
        (pair[0] + shift, pair[1] + shift) for pair, shift in zip(limbs, shifts, strict=True)
    )
    return Joints(
        pelvis=pelvis,
        chest=upper + UP * TRUNK * size,
        neck=upper + UP * 0.54 * size,
        head=upper + UP * 0.685 * size + forward * 0.02,
        hips=hips,
        knees=knees,
        ankles=ankles,
        toes=toes,
        shoulders=shoulders,
        elbows=elbows,
        wrists=wrists,
        forward=forward,
        left=left,
    )


class Bicycle(NamedTuple):
    """Where a bicycle's parts are, in metres forward of its middle and up."""

    rear: tuple[float, float] = (-0.52, 0.34)
    front: tuple[float, float] = (0.54, 0.34)
    crank: tuple[float, float] = (-0.07, 0.28)
    saddle: tuple[float, float] = (-0.25, 0.94)
    bar: tuple[float, float] = (0.36, 1.04)
    radius: float = 0.335
    arm: float = 0.165


BICYCLE = Bicycle()


def riding(x: float, z: float, heading: float, phase: float, size: float, girth: float) -> Joints:
    """Somebody on `BICYCLE`, whose cranks are at `phase`; arguments as for `walking`."""
    forward, left = directions(heading)
    base = np.array((x, 0.0, z))

    def at(place: tuple[float, float], aside: float = 0.0) -> Points:
        return base + place[0] * forward + place[1] * UP + aside * left

    pelvis = at(BICYCLE.saddle) + 0.07 * UP
    lean = np.radians(24)
    spine = np.cos(lean) * UP + np.sin(lean) * forward
    chest, neck = pelvis + TRUNK * size * spine, pelvis + 0.54 * size * spine
    limbs: list[list[Points]] = [[] for _ in range(7)]
    for side, turn in ((1.0, phase), (-1.0, phase + np.pi)):
        pedal = at(BICYCLE.crank, side * 0.13) + BICYCLE.arm * (np.cos(turn) * forward + np.sin(turn) * UP)
        ankle = pedal + 0.09 * UP - 0.06 * forward
        hip = pelvis + side * 0.095 * size * left
        shoulder = pelvis + 0.455 * size * spine + side * 0.170 * size * girth * left
        wrist = at(BICYCLE.bar, side * 0.26)
        knee = _bent(hip, ankle, THIGH * size, SHANK * size, forward + 0.3 * UP)
        elbow = _bent(shoulder, wrist, UPPER_ARM * size, FOREARM * size, 0.8 * side * left - UP)
        toe = ankle + 0.17 * size * forward - 0.05 * UP
        for found, joint in zip(limbs, (hip, knee, ankle, toe, shoulder, elbow, wrist), strict=True):
            found.append(joint)
    hips, knees, ankles, toes, shoulders, elbows, wrists = ((pair[0], pair[1]) for pair in limbs)
    head = neck + 0.15 * size * (0.8 * UP + 0.35 * forward)
    return Joints(
        pelvis, chest, neck, head, hips, knees, ankles, toes, shoulders, elbows, wrists, forward=forward, left=left
    )


def _swung(forward: Points, angle: float) -> Points:
    """A limb that hangs down, swung forward by `angle`."""
    return forward * np.sin(angle) - UP * np.cos(angle)


def _bent(start: Points, end: Points, upper: float, lower: float, towards: Points) -> Points:
    """The joint between two limbs of given lengths, bent `towards` a side; stretched limbs reach as far as they can."""
    way = end - start
    reach = float(np.clip(np.linalg.norm(way), abs(upper - lower) + 1e-3, upper + lower - 1e-3))
    axis = way / np.linalg.norm(way)
    along = (upper**2 - lower**2 + reach**2) / (2 * reach)
    aside = towards - (towards @ axis) * axis
    return start + along * axis + np.sqrt(max(upper**2 - along**2, 0.0)) * aside / np.linalg.norm(aside)
