"""Examples in docstrings say what is so."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = (
    "ivif",
    "ivif.face",
    "ivif.losses",
    "ivif.metrics",
    "ivif.pictures",
    "ivif.spelling",
    "ivif.benchmark.catalogue",
    "ivif.benchmark.metrics.registry",
    "ivif.datasets.boxes",
    "ivif.datasets.files",
    "ivif.downstream.overlap",
    "ivif.fusion.loading",
)
"""Faces, and functions that an example explains better than words."""


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    found = doctest.testmod(import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
