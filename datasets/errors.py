"""Errors of data sets that need no picture to be raised."""

from __future__ import annotations

from ivif.errors import IvifError


class PairError(IvifError, ValueError):
    """A pair or data set that cannot be used; the message says what was found, expected, and what to do."""


class WorkersError(IvifError, RuntimeError):
    """Workers that cannot be had, died, or can't do the same as this process; the message says what to do."""
