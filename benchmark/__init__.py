"""How good fused images are, side by side: metrics, runs, leaderboards.

::

    from benchmark import Run, RunConfig, run

    run(RunConfig(out="runs/mine", datasets=["vifb"], methods=["laplacian", "MyNet=results/mynet"]))
    Run("runs/mine").leaderboards()

`measure` takes pictures that are in memory. What is named here is imported when it is used, so that
`benchmark.metrics`, which needs little, stays quick to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.config import ConfigError, RunConfig
    from benchmark.metrics import measure
    from benchmark.run_directory import Run
    from benchmark.running.runner import RunError, run

__all__ = ["ConfigError", "Run", "RunConfig", "RunError", "measure", "run"]

_MODULES = {
    "ConfigError": "benchmark.config",
    "Run": "benchmark.run_directory",
    "RunConfig": "benchmark.config",
    "RunError": "benchmark.running.runner",
    "measure": "benchmark.metrics",
    "run": "benchmark.running.runner",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
