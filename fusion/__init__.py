"""How pairs are fused: classical methods, networks, and the Reference-then-Supervision framework."""

from fusion.folder import FusedFolder
from fusion.method import FusionError, FusionMethod
from fusion.registry import load, names, register

__all__ = ["FusedFolder", "FusionError", "FusionMethod", "load", "names", "register"]
