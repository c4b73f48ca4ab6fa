"""Ablation: what is varied, how levels are ranked, and a whole small study."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets.pairs import PairDataset
from fusion.reference.pool import Pool
from fusion.training import ablation
from fusion.training.ablation import FACTORS, MAIN, METRICS, ORIGINAL, Study, ablate, ablation_text
from fusion.training.patches import training_split


def test_every_factor_changes_one_thing_of_the_main_setting() -> None:
    for factor, levels in FACTORS.items():
        variants = list(levels.values())
        assert MAIN in variants and len(set(variants)) == len(variants), factor
        for variant in set(variants) - {MAIN, ORIGINAL}:
            changed = [name for name, value in vars(MAIN).items() if getattr(variant, name) != value]
            assert len(changed) == 1, variant


def test_ranks_by_hand() -> None:
    """Two levels, one seed: the first wins all metrics but qcv and nabf, of which less is better, and ties in en."""
    higher = [key for key in METRICS if key not in ("qcv", "nabf")]
    first, second = np.ones((1, len(METRICS))), np.zeros((1, len(METRICS)))
    second[0, 0] = 1
    ranks = ablation._ranks([first, second])[:, 0]
    wins = len(higher) - 1
    assert ranks.tolist() == pytest.approx([(wins + 1.5 + 2 * 2) / 11, (2 * wins + 1.5 + 2) / 11])


def test_intervals_by_hand() -> None:
    """Three values 1, 2, 3: deviation 1, t(.975, 2) = 4.303, half of the interval 4.303 / sqrt 3 = 2.48."""
    assert ablation._interval(np.array([1.0, 2.0, 3.0]), 4) == "2 ± 2.5"
    assert ablation._interval(np.array([2.0]), 4) == "2"


KEYS = ("en", "sd", "qabf", "nabf")
"""The small pictures are too small for multi-scale structural similarity."""


@pytest.fixture
def pairs(smooth_pairs: Callable[[int, int], PairDataset]) -> PairDataset:
    return smooth_pairs(12, 64)


def test_a_whole_study(pairs: PairDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(len(part) for part in training_split(pairs))
    few = {"supervision": FACTORS["supervision"], "K": {"1": FACTORS["K"]["1"], "5": MAIN}}
    monkeypatch.setattr(ablation, "FACTORS", few)
    monkeypatch.setattr(ablation, "METRICS", KEYS)
    pool = Pool(tmp_path / "pool", ("average", "maximum", "laplacian", "gff"))
    study = Study(tmp_path / "study", "sdnet", pool, steps=2, patch=48, batch=2, seeds=2, limit=1)
    found = ablate(pairs, study, jobs=1)
    assert set(found) == {ORIGINAL, MAIN, FACTORS["K"]["1"]}
    assert all(values.shape == (2, len(KEYS)) and np.isfinite(values).all() for values in found.values())
    assert not np.array_equal(found[MAIN], found[ORIGINAL])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("scores.json")}
    assert len(before) == 6
    again = ablate(pairs, study, jobs=1)
    assert all(np.array_equal(found[variant], again[variant]) for variant in found)
    assert before == {path: path.stat().st_mtime_ns for path in before}
    text = ablation_text(study, found)
    assert "original" in text and "±" in text and "sdnet, 2 steps, 2 seeds" in text
