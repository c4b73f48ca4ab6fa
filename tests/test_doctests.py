"""Examples in docstrings say what is so."""

from __future__ import annotations

import doctest
from importlib import import_module

import numpy as np
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
    "ivif.datasets.csv_cells",
    "ivif.datasets.files",
    "ivif.datasets.shards",
    "ivif.downstream.overlap",
    "ivif.fusion.loading",
)
"""Faces, and functions that an example explains better than words."""


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    with np.printoptions(formatter=None, linewidth=75, precision=8):  # ultralytics changes them for the whole process
        found = doctest.testmod(import_module(name))
    assert found.attempted > 0
    assert found.failed == 0
