"""Speed of rendering, on one core: 640x480 pairs of fresh scenes, and a sequence of 60 frames."""

from __future__ import annotations

from itertools import count
from typing import Any

import cv2
import pytest
import torch

from ivif.datasets import synthetic


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    threads = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    yield
    cv2.setNumThreads(threads[0])
    torch.set_num_threads(threads[1])


@pytest.mark.parametrize("condition", synthetic.CONDITIONS)
def test_pairs(condition: str, benchmark: Any) -> None:
    seeds = count()
    benchmark.pedantic(lambda: synthetic.render_pair(next(seeds), condition), rounds=8, warmup_rounds=1)


@pytest.mark.parametrize("pan", [False, True])
def test_sequence_of_60_frames(pan: bool, benchmark: Any) -> None:
    benchmark.pedantic(lambda: list(synthetic.render_sequence(3, "night", 60, pan=pan)), rounds=1)
