"""How good fused images are, side by side: metrics, runs, leaderboards.

::

    from ivif.benchmark import Run, RunConfig, run

    run(RunConfig(out="runs/mine", datasets=["vifb"], methods=["laplacian", "MyNet=results/mynet"]))
    Run("runs/mine").leaderboards()

`measure` takes pictures that are in memory. What is named here is imported when it is used, so that
`benchmark.metrics`, which needs little, stays quick to import.
"""

import lazy_loader

from ivif._checkout import stand_for

if __name__ == "benchmark":
    stand_for(__name__)

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # `__init__.pyi` says what there is
