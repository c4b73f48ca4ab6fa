"""Registry: recipe classes by the names of their networks, as they register themselves."""

from __future__ import annotations

from typing import TypeVar

from ivif.fusion.method import FusionError
from ivif.fusion.training.recipe import Recipe

_RECIPES: dict[str, type[Recipe]] = {}
RecipeClass = TypeVar("RecipeClass", bound=type[Recipe])


def register_recipe(cls: RecipeClass) -> RecipeClass:
    """Class decorator: makes a recipe known by the name of its `network`."""
    if cls.network in _RECIPES:
        raise FusionError(f"two recipes are of {cls.network!r}")
    _RECIPES[cls.network] = cls
    return cls


def registered_recipes() -> dict[str, type[Recipe]]:
    """All that have registered so far, by network."""
    return dict(_RECIPES)
