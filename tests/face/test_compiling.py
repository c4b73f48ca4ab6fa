"""Loops as machine code, kept on disk where that can be."""

import gc
import weakref

import numpy as np
import pytest
from numba import njit

from ivif.compiling import compiled

DOUBLE = "def double(values):\n    for index in range(len(values)):\n        values[index] *= 2\n"


def test_what_has_no_place_to_be_kept_is_compiled_all_the_same() -> None:
    names: dict = {}
    exec(DOUBLE, names)  # Numba finds no file to keep it beside
    with pytest.raises(RuntimeError, match="no locator"):
        njit(cache=True)(names["double"])
    values = np.array([1.0, 2.5])
    compiled()(names["double"])(values)
    assert values.tolist() == [2, 5]


def test_divides_as_numpy_does() -> None:
    @compiled()
    def quotient(above: float, below: float) -> float:
        return above / below

    assert quotient(1.0, 0.0) == np.inf


def test_compiling_keeps_no_array_of_its_callers() -> None:
    names: dict = {}
    exec("def double(values):\n    values[:] = 2 * values\n", names)  # on whole arrays: Numba leaves cycles behind

    def call() -> weakref.ref[np.ndarray]:
        large = np.ones(9)
        compiled()(names["double"])(np.ones(3))
        return weakref.ref(large)

    gc.disable()  # as large arrays alone never make Python look for cycles
    try:
        assert call()() is None
    finally:
        gc.enable()
