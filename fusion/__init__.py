"""How pairs are fused: classical methods, networks, and the Reference-then-Supervision framework."""

from fusion.loading import load, names
from fusion.method import FusionError, FusionMethod
from fusion.registry import register
from fusion.results import FolderResults, MethodResults, Results

__all__ = [
    "FolderResults",
    "FusionError",
    "FusionMethod",
    "MethodResults",
    "Results",
    "load",
    "names",
    "register",
]
