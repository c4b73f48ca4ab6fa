"""How good fused images are, side by side: metrics, runs, leaderboards.

::

    from ivif.benchmark import Run, RunConfig, run

    run(RunConfig(out="runs/mine", datasets=["vifb"], methods=["laplacian", "MyNet=results/mynet"]))
    Run("runs/mine").leaderboards()

`measure` takes pictures that are in memory. What is named here is imported when it is used, so that
`benchmark.metrics`, which needs little, stays quick to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ivif._checkout import stand_for

if __name__ == "benchmark":
    stand_for(__name__)

if TYPE_CHECKING:
    from ivif.benchmark.config import ConfigError, RunConfig
    from ivif.benchmark.metrics import measure
    from ivif.benchmark.run_directory import Run
    from ivif.benchmark.running.runner import RunError, run

__all__ = ["ConfigError", "Run", "RunConfig", "RunError", "measure", "run"]

_MODULES = {
    "ConfigError": "ivif.benchmark.config",
    "Run": "ivif.benchmark.run_directory",
    "RunConfig": "ivif.benchmark.config",
    "RunError": "ivif.benchmark.running.runner",
    "measure": "ivif.benchmark.metrics",
    "run": "ivif.benchmark.running.runner",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
