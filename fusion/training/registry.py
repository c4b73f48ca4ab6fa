"""Recipes by the names of their networks, and a user's own by the path of their class."""

from __future__ import annotations

import importlib
from typing import TypeVar

from fusion.method import FusionError
from fusion.own_code import import_own
from fusion.registry import network_names
from fusion.training.recipe import BY_SOURCES, Recipe, Supervision

_RECIPES: dict[str, type[Recipe]] = {}
RecipeClass = TypeVar("RecipeClass", bound=type[Recipe])


def register_recipe(cls: RecipeClass) -> RecipeClass:
    """Class decorator: makes a recipe known by the name of its `network`."""
    if cls.network in _RECIPES:
        raise FusionError(f"two recipes are of {cls.network!r}")
    _RECIPES[cls.network] = cls
    return cls


def recipe_names() -> list[str]:
    """Networks that have a bundled recipe, in the order of tables."""
    importlib.import_module("fusion.training.recipes")
    return [name for name in network_names() if name in _RECIPES]


def recipe_for(name: str, supervision: Supervision = BY_SOURCES) -> Recipe:
    """The recipe of a bundled network, or a user's own as ``package.module:Class``.

    Raises:
        FusionError: there is none, or what is found is no recipe.
    """
    if ":" in name:
        return _own_recipe(name)(supervision)
    if name not in recipe_names():
        known = ", ".join(recipe_names())
        raise FusionError(f"no recipe for {name!r}; there are {known}, or your own as package.module:Class")
    return _RECIPES[name](supervision)


def _own_recipe(path: str) -> type[Recipe]:
    found = import_own(path)
    if not (isinstance(found, type) and issubclass(found, Recipe) and hasattr(found, "module")):
        raise FusionError(
            f"{path} is no recipe: expected a class that derives from fusion.training.recipe.Recipe and names its "
            "network's class as `module`"
        )
    return found
