"""Loading: a data set by its name."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from ivif.datasets.catalog import ENTRIES, find, how_to_get, locate
from ivif.datasets.layouts import LAYOUTS
from ivif.datasets.pairs import PairDataset, PairError
from ivif.plugins import named_object


def names() -> list[str]:
    """Keys of all data sets that `load` knows."""
    return [entry.key for entry in ENTRIES]


def load(name: str, root: Path | str | None = None, **options: Any) -> PairDataset:
    """A data set by name: ``load("tno")``, ``load("llvip", split="test")``, ``load("m3svd", stride=5)``.

    "synthetic" are a few rendered scenes, "challenge" (or "challenge/v2") the whole suite they are taken from.

    Args:
        name: one of `names`; ``package.module:function`` of your own, or what an installed package offers (see
            `plugins`): a function that gives a `PairDataset`; `root` goes to its parameter of that name.
        root: its folder, or a folder that holds it. None looks below ``IVIF_DATA``, then among the downloads.
            For "synthetic" and "challenge": where rendered scenes are kept.
        **options: what the data set's function in `datasets.layouts` (or `synthetic_dataset`, `challenge_dataset` in
            `datasets.synthetic`) takes. The first n pairs are ``load(name)[:n]``.

    Raises:
        PairError: unknown name or option, or nothing found; the message says which commands mend it.
    """
    key, _, version = name.partition("/")
    if key.lower() not in names() and (own := named_object("datasets", name, PairError)) is not None:
        return _own(name, own, root, options)
    entry = find(key)
    if entry.rendered:
        return _rendered(entry.key, root, options | ({"version": version} if version else {}))
    _check_options(entry.key, LAYOUTS[entry.key], options)
    folder = locate(entry, Path(root).expanduser() if root is not None else None)
    if folder is None:
        where = f"in {root}" if root is not None else "below IVIF_DATA or among the downloads"
        raise PairError(f"{entry.title} is not {where}: {how_to_get(entry)}")
    return LAYOUTS[entry.key](folder, **options)


def _own(name: str, function: Any, root: Path | str | None, options: dict[str, Any]) -> PairDataset:
    if not callable(function):
        raise PairError(f"{name} is no function that gives pairs")
    _check_options(name, function, options)
    if root is not None and "root" in inspect.signature(function).parameters:
        options = {**options, "root": Path(root).expanduser()}
    found = function(**options)
    if not isinstance(found, PairDataset):
        raise PairError(f"{name} gave {type(found).__name__}; expected a PairDataset")
    return found


def _rendered(key: str, root: Path | str | None, options: dict[str, Any]) -> PairDataset:
    from ivif.datasets.synthetic import challenge_dataset, synthetic_dataset

    functions: dict[str, Any] = {"synthetic": synthetic_dataset, "challenge": challenge_dataset}
    function = functions[key]
    _check_options(key, function, options)
    if root is not None:
        options = {**options, "cache": Path(root).expanduser()}
    return function(**options)


def _check_options(key: str, function: Any, options: dict[str, Any]) -> None:
    known = [option for option in inspect.signature(function).parameters if option != "root"]
    if unknown := sorted(set(options) - set(known)):
        raise PairError(f"{key} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}")
