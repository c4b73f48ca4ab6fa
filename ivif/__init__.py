"""Infrared-visible image fusion: methods, metrics that equal their originals, and leaderboards one can trust.

::

    import ivif

    ivif.score("fused.png", "infrared.png", "visible.png")            # {"en": 6.9, "sd": 41.2, ...}
    ivif.metrics.vif(fused, infrared, visible)                        # paths, Pillow, NumPy, tensors; one or a batch
    fused = ivif.fuse("sdnet+rts", "infrared.png", "visible.png")     # uint8 [1 or 3, H, W]
    ivif.run(out="runs/mine", datasets=["vifb"], methods=["laplacian", "MyNet=results/mynet"])
    ivif.leaderboard("runs/mine")                                     # a table as text

Images are whatever people hold them in. A fused image that is one of its sources has nothing of the other:

>>> import ivif
>>> import numpy as np
>>> infrared = np.arange(64, dtype=np.uint8).reshape(8, 8)
>>> ivif.score(infrared, infrared, infrared.T, metrics=["en", "psnr"])["en"]  # 64 grey values, all as frequent
6.0

Below it are `ivif.benchmark`, `ivif.fusion`, `ivif.downstream` and `ivif.datasets`. What is named here is imported when
it is used.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

_ROOT = Path(__file__).resolve().parents[1]

if (_ROOT / "pyproject.toml").is_file() and (_ROOT / "benchmark").is_dir():
    __path__.insert(0, str(_ROOT))  # a checkout, where the packages stand at the top

if TYPE_CHECKING:
    from ivif import losses, metrics
    from ivif.face import FusionMetric, fuse, leaderboard, list_metrics, run, score
    from ivif.fusion.loading import load

__all__ = [
    "FusionMetric",
    "fuse",
    "leaderboard",
    "list_metrics",
    "load",
    "losses",
    "metrics",
    "run",
    "score",
]

_MODULES = {"load": "ivif.fusion.loading"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name in ("losses", "metrics"):
        return import_module(f"ivif.{name}")
    if name in __all__:
        return getattr(import_module(_MODULES.get(name, "ivif.face")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ivif-bench")
    except PackageNotFoundError:  # a checkout that was never installed
        import tomllib

        return str(tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["version"])
