"""Errors of this package, and the libraries it can do without until they are used."""

from __future__ import annotations

import importlib
from typing import Any

from ivif.errors import IvifError


class DownstreamError(IvifError, ValueError):
    """Something that cannot be detected, tracked or scored; the message says what was found and what to do."""


def require(module: str) -> Any:
    """Import a library of the extra ``downstream``; raises `DownstreamError` with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.split(".")[0]
        raise DownstreamError(
            f"{name} cannot be imported ({error}); install what detection and tracking need: "
            "pip install 'ivif-bench[downstream]' (in a checkout: pip install -e '.[downstream]')"
        ) from error
