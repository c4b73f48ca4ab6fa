"""Composition: the world of a seed, one of six kinds of places, filled with what a condition asks for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ivif.datasets.synthetic.conditions import Condition
from ivif.datasets.synthetic.places import choices
from ivif.datasets.synthetic.places.enclosures import compose_hall, compose_yard
from ivif.datasets.synthetic.places.greens import compose_field, compose_park
from ivif.datasets.synthetic.places.ground import Cover
from ivif.datasets.synthetic.places.place import AWAY, Place
from ivif.datasets.synthetic.places.population import populate, somebody_at
from ivif.datasets.synthetic.places.streets import compose_square, compose_street
from ivif.datasets.synthetic.places.world import World
from ivif.datasets.synthetic.things.animals import Animal
from ivif.datasets.synthetic.things.distractors import Dummy, Poster, flat
from ivif.datasets.synthetic.things.furniture import Post
from ivif.datasets.synthetic.things.people import Person
from ivif.datasets.synthetic.things.shelter import WAITING_ROOM, Shelter
from ivif.datasets.synthetic.things.thing import Thing
from ivif.datasets.synthetic.things.vehicles import Vehicle

COMPOSERS = (compose_street, compose_square, compose_park, compose_yard, compose_hall, compose_field)
SHARES = (0.27, 0.25, 0.14, 0.14, 0.11, 0.09)
"""How often each place is drawn."""

WAITING = 4
"""People in a shelter."""

CROWD = (20, 31)
"""How many people (from, below) a crowded scene has."""


def compose(seed: int, condition: Condition) -> World:
    """The world of a seed: the same under every condition, but for what the condition itself asks for.

    Weather takes a yard instead of a hall; glare adds a car that drives towards the camera; crowds and distractors
    fill the place.
    """
    generators = [np.random.default_rng(np.random.SeedSequence([seed, 1, part])) for part in range(5)]
    places, fillers, walkers, beasts, fires = generators
    composer = COMPOSERS[int(places.choice(len(COMPOSERS), p=SHARES))]
    if composer is compose_hall and condition.weather:
        composer = compose_yard
    place = composer(places)
    world = place.world
    world = replace(world, smoke=(float(fires.uniform(-5, 5)), choices.pick(fires, (-1.0, 1.0))))
    if condition.distracting:
        world = _distracting(fillers, place, world)
    if condition.clutter:
        world = _cluttered(fillers, place, world, condition.clutter)
    if condition.oncoming:
        world = _with_oncoming(world)
    shelters: list[Shelter] = []
    for _ in range(condition.shelters):
        if shelter := _shelter(fillers, place, world):
            shelters.append(shelter)
            world = replace(world, things=(*world.things, shelter))
    blocked = world.obstacles()
    count = int(walkers.integers(*place.usual))
    if condition.crowded:
        count = int(walkers.integers(*CROWD))
    people = populate(walkers, world.view, place.ways, count, blocked)
    for shelter in shelters:
        people += _waiting(walkers, shelter, len(people))
    return replace(world, people=people, animals=_animals(beasts, place, condition))


def _with_oncoming(world: World) -> World:
    """The same world with a slow car that faces the camera."""
    x, z = {"street": (-1.8, 22.0), "square": (1.5, 16.5)}.get(world.kind, (0.5, 17.0))
    car = Vehicle(x, z, -AWAY - x / z, "sedan", choices.CAR_COLOURS[5], 1.2, 1.0, True, room=2.5)
    others = tuple(other for other in world.vehicles if np.hypot(other.x - x, other.z - z) > 8)
    return replace(world, vehicles=(*others, car))


def _shelter(generator: np.random.Generator, place: Place, world: World) -> Shelter | None:
    """A bus stop on the open ground, if there is room for one."""
    blocked = world.obstacles()
    (left, right), (near, far) = place.open_ground
    for _ in range(80):
        x, z = float(generator.uniform(left, right)), float(generator.uniform(near + 1.0, far + 3.0))
        shelter = Shelter(x, z)
        ends = (world.view.sees(x + side * shelter.width / 2, z) for side in (-1, 1))
        free = all(np.hypot(x - a, z + WAITING_ROOM / 2 - b) > shelter.width / 2 + c for a, b, c in blocked)
        if all(ends) and free:
            return shelter
    return None


def _waiting(generator: np.random.Generator, shelter: Shelter, before: int) -> tuple[Person, ...]:
    """Those who wait in a shelter, side by side."""
    places = np.linspace(-0.4, 0.4, WAITING) * shelter.width
    people = []
    for number, place in enumerate(places, start=before + 1):
        x, z = shelter.x + float(place + generator.normal(0, 0.08)), shelter.z + float(generator.uniform(0.4, 0.9))
        people.append(replace(somebody_at(generator, x, z), identity=number))
    return tuple(people)


def _cluttered(generator: np.random.Generator, place: Place, world: World, count: int) -> World:
    """The same world with running machines and hot posts as tall as people."""
    blocked, things = world.obstacles(), list[Thing]()
    (left, right), (near, far) = place.open_ground
    for number in range(count):
        for _ in range(40):
            x, z = float(generator.uniform(left, right)), float(generator.uniform(near, far + 8.0))
            if world.view.sees(x, z) and all(np.hypot(x - a, z - b) > 0.7 + c for a, b, c in blocked):
                break
        else:
            continue
        blocked.append((x, z, 0.7))
        if number % 2:
            tall, radius = float(generator.uniform(1.4, 1.9)), float(generator.uniform(0.17, 0.26))
            things.append(Post(x, z, tall, radius, (0.10, 0.12, 0.10), False, float(generator.uniform(9, 15))))
        else:
            things.append(choices.running_machine(generator, x, z, float(generator.uniform(0, np.pi))))
    return replace(world, things=(*world.things, *things))


def _distracting(generator: np.random.Generator, place: Place, world: World) -> World:
    """The same world with two posters, a dummy, hot posts and machines, and hot covers in the ground."""
    blocked = world.obstacles()
    things: list[Thing] = []

    def spot(room: float) -> tuple[float, float] | None:
        for _ in range(60):
            (left, right), (near, far) = place.open_ground
            x, z = float(generator.uniform(left, right)), float(generator.uniform(near, far))
            if world.view.sees(x, z) and all(np.hypot(x - a, z - b) > room + c for a, b, c in blocked):
                blocked.append((x, z, room))
                return x, z
        return None

    for kind in ("poster", "dummy", "hot post", "machine", "poster", "hot post", "cold post"):
        free = spot(0.8)
        if free is None:
            continue
        if kind == "poster":
            figure = flat(somebody_at(generator, *free))
            things.append(Poster(figure, choices.pick(generator, choices.WALL_COLOURS + choices.BOARD_COLOURS)))
        elif kind == "dummy":
            things.append(Dummy(somebody_at(generator, *free)))
        elif kind == "machine":
            things.append(choices.running_machine(generator, *free, float(generator.uniform(0, np.pi))))
        else:
            warmer = float(generator.uniform(9, 15)) if kind == "hot post" else -1.5
            things.append(Post(*free, float(generator.uniform(1.3, 1.9)), 0.2, (0.10, 0.16, 0.10), False, warmer))
    covers = tuple(replace(cover, warmer=10.0) for cover in world.ground.covers)
    (left, right), (near, far) = place.open_ground
    hot = Cover(float(generator.uniform(left, right)), float(generator.uniform(near, far)), 0.4, 12.0)
    return replace(world, things=(*world.things, *things), ground=replace(world.ground, covers=(*covers, hot)))


def _animals(generator: np.random.Generator, place: Place, condition: Condition) -> tuple[Animal, ...]:
    """Now and then a dog, and deer where it is quiet; always one among distractors."""
    if place.world.indoors or generator.random() > (1.0 if condition.distracting else 0.3):
        return ()
    (left, right), (near, far) = place.open_ground
    found = []
    for _ in range(int(generator.integers(1, 3))):
        x, z = float(generator.uniform(left, right)), float(generator.uniform(near, far))
        if place.wild and generator.random() < 0.6:
            found.append(choices.deer(generator, 1.4 * x, z + 6))
        else:
            found.append(choices.dog(generator, x, z, place.ways[0].heading + float(generator.normal(0, 0.3))))
    return tuple(found)
