"""Weights: where a network's parameters are, and how they get into it."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from ivif._checkout import as_typed
from ivif.datasets.files import cache_root, sha256_file
from ivif.fusion.method import FusionError

SHIPPED_FOLDER = Path(__file__).parent
"""Where the weights trained by this project are: ``NAME.safetensors`` and ``NAME+VARIANT.safetensors``."""


def is_shipped(name: str) -> bool:
    """Whether weights come with this project: those of a network's plain name, or of ``NAME+rts``."""
    return _shipped(name).is_file()


def shipped_size(name: str) -> int:
    """Bytes of weights that come with this project."""
    return _shipped(name).stat().st_size


def _shipped(name: str) -> Path:
    return SHIPPED_FOLDER / f"{name}.safetensors"


def published_folder() -> Path:
    """Where converted weights of the authors are kept."""
    return cache_root() / "weights"


def find_network_weights(name: str, weights: str | Path, published_alone: bool = False) -> Path:
    """The file behind "original", "rts", "published", "rts+published" or a path, for the network `name`.

    Args:
        name: of a network.
        weights: see above.
        published_alone: whether all that this project can give it are weights of its authors.

    Raises:
        FusionError: there is none; the message says how to get it.
    """
    keys = {"original": name, "rts": f"{name}+rts", "published": name, "rts+published": f"{name}+rts"}
    key = keys.get(str(weights))
    if key is None:
        path, remedy = Path(weights).expanduser(), "give the path of a safetensors file"
    elif str(weights).endswith("published"):
        path, remedy = published_folder() / f"{key}.safetensors", as_typed(f"fusion weights fetch {key}")
    else:
        path = SHIPPED_FOLDER / f"{key}.safetensors"
        more = " --supervision rts --references DIR" if weights == "rts" else ""
        fetch = f"{as_typed(f'fusion weights fetch {name}')} brings its authors', and {name}+published uses them"
        train = f"{as_typed(f'fusion train {name}{more}')} makes some, and {key}=FILE uses them"
        remedy = fetch if published_alone else train if weights == "rts" else f"{fetch}; {train}"
    if not path.is_file():
        raise FusionError(f"no {weights} weights of {name} ({path}): {remedy}")
    return path


def read_weights(network: nn.Module, path: Path) -> None:
    """Load a safetensors file into a network; half precision is widened, every tensor must fit.

    Raises:
        FusionError: not a safetensors file, another content than its manifest says, or names or shapes differ; the
            message lists the first few.
    """
    _check_content(path)
    try:
        given, wanted = load_file(path), network.state_dict()
    except (OSError, ValueError, SafetensorError) as error:
        raise FusionError(
            f"{path}: not a safetensors file ({error}); {as_typed('fusion weights convert')} makes one"
        ) from error
    missing, extra = sorted(wanted.keys() - given.keys()), sorted(given.keys() - wanted.keys())
    shaped = sorted(key for key in wanted.keys() & given.keys() if wanted[key].shape != given[key].shape)
    if missing or extra or shaped:
        found = f"missing {missing[:3]}, unknown {extra[:3]}, other shape {shaped[:3]}"
        raise FusionError(f"{path} does not fit {type(network).__name__}: {found}")
    network.load_state_dict({key: value.to(wanted[key].dtype) for key, value in given.items()})


def _check_content(path: Path) -> None:
    """Compare a file with the checksum in the JSON file beside it, where there is one."""
    try:
        known = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return  # weights of one's own need no manifest, and who reads it says what is wrong with it
    try:
        found = sha256_file(path)
    except OSError:
        return  # who loads it says why it can't be read
    if isinstance(known, str) and known != found:
        raise FusionError(f"{path}: its SHA-256 is {found}, but {known} in {path.stem}.json: damaged, fetch it again")
