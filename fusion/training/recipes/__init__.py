"""How each network was trained by its authors, and how it is trained on references: one file a network, of its name."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from ivif.fusion.loading import network_names
from ivif.fusion.method import FusionError
from ivif.fusion.training.recipe import BY_SOURCES, Recipe, Supervision
from ivif.fusion.training.registry import registered_recipes
from ivif.plugins import import_own

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")


def recipe_names() -> list[str]:
    """Networks that have a bundled recipe, in the order of tables."""
    return [name for name in network_names() if name in registered_recipes()]


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
    return registered_recipes()[name](supervision)


def _own_recipe(path: str) -> type[Recipe]:
    found = import_own(path, FusionError)
    if not (isinstance(found, type) and issubclass(found, Recipe) and hasattr(found, "module")):
        raise FusionError(
            f"{path} is no recipe: expected a class that derives from fusion.training.recipe.Recipe and names its "
            "network's class as `module`"
        )
    return found
