"""Walking: where the people of a scene are at a time; they keep their way, and steer around poles and each other.

A social force model in small fixed steps: each walker pulls towards its own speed and line, and is pushed off what it
would come closest to within the next seconds.

After D. Helbing, P. Molnar, Social force model for pedestrian dynamics, Physical Review E 51, 1995, with the time to
the closest approach as in I. Karamouzas, B. Skinner, S. J. Guy, Universal power law governing pedestrian
interactions, Physical Review Letters 113, 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ivif.datasets.synthetic.things.people import Person
from ivif.datasets.synthetic.things.thing import Spot

STEP = 1 / 24
"""Seconds between two states."""

PATIENCE = 0.6
"""Seconds in which a walker gets back to its own speed."""

FORESIGHT = 3.0
"""Seconds that a walker looks ahead."""

PUSH, RANGE = 2.6, 0.28
"""Acceleration in m/s^2 where two would touch, and metres over which it fades."""

TOUCH = 0.45
"""Metres between two bodies' middles below which they touch and give way at once."""

SHOULDERS, HANDLEBARS = 0.30, 0.45
"""Radius of the room that walkers and cyclists take, metres."""

Vectors = NDArray[np.float64]
"""(x, z) of each person, ``[N, 2]``."""


class Crowd:
    """All people of a scene; states are computed once, in order, so that any time can be asked for.

    Args:
        people: as they are at time 0.
        blocked: what stands in their way.
    """

    def __init__(self, people: Sequence[Person], blocked: Sequence[Spot]) -> None:
        self.people = tuple(people)
        self.speed = np.array([person.speed for person in people])
        heading = np.array([person.heading for person in people])
        self.along = np.stack((np.cos(heading), np.sin(heading)), axis=-1).reshape(-1, 2)
        self.across = self.along[:, ::-1] * (-1, 1)
        self.start = np.array([(person.x, person.z) for person in people]).reshape(-1, 2)
        self.radius = np.array([HANDLEBARS if person.riding else SHOULDERS for person in people])
        self.blocked = np.array([(x, z) for x, z, _ in blocked]).reshape(-1, 2)
        self.blocked_radius = np.array([radius for _, _, radius in blocked])
        # Companions walk side by side on purpose.
        self.strangers = (self.speed[:, None] != self.speed[None]) | (heading[:, None] != heading[None])
        self.places = [self.start]
        self.velocity = self.along * self.speed[:, None]
        self.velocities = [self.velocity]
        self.walked = [np.zeros(len(people))]

    def at(self, seconds: float) -> tuple[Person, ...]:
        """Everybody at a time, seconds from 0 on."""
        step, share = divmod(seconds / STEP, 1.0)
        number = int(step)
        while len(self.places) < number + 2:
            self._advance()
        place = _between(self.places, number, share)
        velocity = _between(self.velocities, number, share)
        walked = _between(self.walked, number, share)
        return tuple(
            self._moved(index, place[index], velocity[index], float(walked[index])) for index in range(len(self.people))
        )

    def _moved(self, index: int, place: Vectors, velocity: Vectors, walked: float) -> Person:
        person = self.people[index]
        speed = float(np.hypot(*velocity))
        heading = float(np.arctan2(velocity[1], velocity[0])) if speed > 0.25 else person.heading
        return replace(
            person,
            x=float(place[0]),
            z=float(place[1]),
            heading=heading if walked else person.heading,
            speed=speed,
            phase=person.phase + walked * person.cycles,
        )

    def _advance(self) -> None:
        place, velocity = self.places[-1], self.velocity
        off_line = ((place - self.start) * self.across).sum(1)
        wanted = self.along * self.speed[:, None] - self.across * np.clip(0.5 * off_line, -0.4, 0.4)[:, None]
        pull = (wanted - velocity) / PATIENCE
        push = self._from_people(place, velocity) + self._from_things(place, velocity)
        moves = (self.speed > 0)[:, None]
        velocity = (velocity + STEP * (pull + push)) * moves
        pace = np.linalg.norm(velocity, axis=1)
        velocity *= np.minimum(1, 1.3 * self.speed / np.maximum(pace, 1e-9))[:, None]
        self.velocity = velocity
        self.velocities.append(velocity)
        self.places.append(self._parted(place + STEP * velocity))
        self.walked.append(self.walked[-1] + STEP * np.linalg.norm(velocity, axis=1))

    def _parted(self, place: Vectors) -> Vectors:
        """Places after those who touch each other or a pole have made room; who stands is not moved."""
        moves = (self.speed > 0).astype(float)
        for _ in range(3):
            gap = place[:, None] - place[None]
            yields = moves[:, None] / np.maximum(moves[:, None] + moves[None], 1)
            place = place + _room(gap, TOUCH, yields * (1 - np.eye(len(place))))
            room = self.blocked_radius[None] + TOUCH / 2
            place = place + _room(place[:, None] - self.blocked[None], room, moves[:, None])
        return place

    def _from_people(self, place: Vectors, velocity: Vectors) -> Vectors:
        gap = place[:, None] - place[None]
        room = self.radius[:, None] + self.radius[None]
        return (_push(gap, velocity[:, None] - velocity[None], room) * self.strangers[..., None]).sum(1)

    def _from_things(self, place: Vectors, velocity: Vectors) -> Vectors:
        gap = place[:, None] - self.blocked[None]
        room = self.radius[:, None] + self.blocked_radius[None]
        closing = np.broadcast_to(velocity[:, None], gap.shape)
        return _push(gap, closing, room).sum(1)


def _push(gap: Vectors, closing: Vectors, room: Vectors) -> Vectors:
    """Acceleration away from others at `gap` (from them to oneself) that draw near at velocity `closing`."""
    pace = (closing**2).sum(-1)
    soon = np.clip(-(gap * closing).sum(-1) / np.maximum(pace, 1e-6), 0, FORESIGHT)
    nearest = gap + closing * soon[..., None]
    # Who is met head-on is passed on the right.
    right = np.stack((closing[..., 1], -closing[..., 0]), axis=-1) / np.maximum(np.sqrt(pace), 1e-6)[..., None]
    nearest = nearest + 0.12 * right
    distance = np.linalg.norm(nearest, axis=-1)
    strength = PUSH * np.exp(np.clip((room - distance) / RANGE, -20, 1.0)) / (1 + soon)
    return nearest / np.maximum(distance, 1e-6)[..., None] * strength[..., None]


def _room(gap: Vectors, room: float | Vectors, yields: Vectors) -> Vectors:
    """How far each steps aside from others at `gap` that are nearer than `room`, each taking its share."""
    distance = np.linalg.norm(gap, axis=-1)
    lacking = np.clip(room - distance, 0, None) * yields
    return (gap / np.maximum(distance, 1e-6)[..., None] * lacking[..., None]).sum(1)


def _between(states: list[Vectors], number: int, share: float) -> Vectors:
    return states[number] + share * (states[number + 1] - states[number])
