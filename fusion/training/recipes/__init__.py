"""How each network was trained by its authors, and how it is trained on references: one file a network, of its name."""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
