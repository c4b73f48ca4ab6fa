"""The root of all errors that this project raises on purpose: their message says what was wrong and what to do."""

from __future__ import annotations


class IvifError(Exception):
    """Something that was asked for cannot be done; every error of the packages derives from it.

    Command lines print its message after ``error:`` and end with exit code 2.
    """
