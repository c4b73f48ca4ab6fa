"""Ablation: what is varied, how levels are ranked, and a whole small study."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ivif.benchmark.experiments import ablation
from ivif.benchmark.experiments.ablation import FACTORS, MAIN, METRICS, ORIGINAL, Outcome, Study, ablate, ablation_text
from ivif.benchmark.metrics import get
from ivif.datasets.pairs import PairDataset
from ivif.fusion.method import FusionError
from ivif.fusion.reference.pool import Pool
from ivif.fusion.training.patches import training_split


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


def test_no_value_ranks_last() -> None:
    lacking, there = np.full((1, len(METRICS)), np.nan), np.zeros((1, len(METRICS)))
    assert ablation._ranks([lacking, there])[:, 0].tolist() == [2, 1]


def test_what_cannot_be_studied_is_told_before_any_work(pairs: PairDataset, tmp_path: Path) -> None:
    pool = Pool.of(tmp_path / "pool", ("average",))
    with pytest.raises(FusionError, match="leave out --patch"):
        ablate(pairs, Study(tmp_path, "fusiongan", pool, patch=64))
    with pytest.raises(FusionError, match=r"1 pair in .*: one is held out"):
        ablate(pairs[:1], Study(tmp_path, "sdnet", pool))
    assert not (tmp_path / "references").exists()


def test_intervals_by_hand() -> None:
    """Three values 1, 2, 3: deviation 1, t(.975, 2) = 4.303, half of the interval 4.303 / sqrt 3 = 2.48."""
    assert ablation._interval(np.array([1.0, 2.0, 3.0]), 4) == "2 ± 2.5"
    assert ablation._interval(np.array([2.0]), 4) == "2"


def test_signs_by_hand() -> None:
    """Gains of 1, 2, 3 are 2 ± 2.48: not sure; of 2, 3, 4 they are 3 ± 2.48. One seed says nothing."""
    gains = np.array([1.0, 2.0, 3.0])
    assert ablation._sign(gains) == "" == ablation._sign(np.array([5.0])) == ablation._sign(np.zeros(3))
    assert ablation._sign(gains + 1) == " +" and ablation._sign(-gains - 1) == " -"


def test_levels_are_compared_with_the_default_seed_by_seed() -> None:
    """All levels differ more between seeds than from each other; by 1 for the better at K = 3, for the worse at 7."""
    study = Study(Path("study"), "sdnet", Pool.of(Path("pool"), ("average",)))
    better = np.array([1 if get(key).better == "higher" else -1 for key in METRICS])
    noise = np.array([[0.0], [50.0], [100.0]])
    shifts = {FACTORS["K"]["3"]: 1, FACTORS["K"]["7"]: -1}
    levels = {variant for levels in FACTORS.values() for variant in levels.values()}
    found = {v: Outcome(noise + (shifts.get(v, 0) + 0.01 * np.sin(noise)) * better, 5.0) for v in levels}
    rows = {line.split("  ")[0]: line for line in ablation_text(study, found).splitlines()}
    assert rows["3"].count(" +") == 12 and " -" not in rows["3"]
    assert rows["7"].count(" -") == 12 and " +" not in rows["7"]
    assert " +" not in rows["5 (default)"] and " -" not in rows["5 (default)"]


def test_the_random_filter_draws_anew_for_every_seed(tmp_path: Path) -> None:
    study = Study(tmp_path, "sdnet", Pool.of(tmp_path / "pool", ("average",)))
    chance = FACTORS["filter"]["random"]
    draws = [ablation._plan(study, chance, seed) for seed in range(3)]
    assert len({plan.out for plan in draws}) == 3 and [plan.rule.seed for plan in draws] == [0, 1, 2]
    steady = FACTORS["filter"]["auto"]
    assert ablation._plan(study, steady, 0) == ablation._plan(study, steady, 1)


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
    pool = Pool.of(tmp_path / "pool", ("average", "maximum", "laplacian", "gff"))
    study = Study(tmp_path / "study", "sdnet", pool, steps=2, patch=48, batch=2, seeds=2, held_out=1)
    found = ablate(pairs, study, jobs=1)
    assert set(found) == {ORIGINAL, MAIN, FACTORS["K"]["1"]}
    scores = {variant: outcome.scores for variant, outcome in found.items()}
    assert all(values.shape == (2, len(KEYS)) and np.isfinite(values).all() for values in scores.values())
    assert not np.array_equal(scores[MAIN], scores[ORIGINAL])
    assert found[ORIGINAL].used == 0 and found[FACTORS["K"]["1"]].used == 1 < found[MAIN].used <= 4
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("scores.json")}
    assert len(before) == 6
    again = ablate(pairs, study, jobs=1)
    assert all(np.array_equal(scores[variant], again[variant].scores) for variant in scores)
    assert before == {path: path.stat().st_mtime_ns for path in before}
    ablate(pairs, replace(study, network="pmgi", seeds=1), jobs=1)  # another network's trainings have their own place
    text = ablation_text(study, found)
    assert "original" in text and "±" in text and "sdnet, 2 steps, 2 seeds" in text
