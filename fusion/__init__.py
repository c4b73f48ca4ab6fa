"""How pairs are fused: classical methods, networks, and the Reference-then-Supervision framework."""

from ivif._checkout import stand_for
from ivif.fusion.loading import load, names
from ivif.fusion.method import FusionError, FusionMethod
from ivif.fusion.registry import register
from ivif.fusion.results import FolderResults, MethodResults, Results

if __name__ == "fusion":
    stand_for(__name__)

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
