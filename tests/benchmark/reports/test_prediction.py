"""Predictions: which metric puts methods in the order in which people are found in their images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.stats import kendalltau

from ivif.benchmark.cli import main
from ivif.benchmark.people import PeopleBoard, PeopleEntry, write_people
from ivif.benchmark.reports.prediction import predictions
from ivif.benchmark.reports.rank_agreement import _resampled, rank_agreement
from ivif.benchmark.run_directory import Run
from ivif.benchmark.store import Row, Store


def a_run(folder: Path, metrics: dict[str, dict[str, float]], found: dict[str, dict[str, float]]) -> Path:
    """A run directory with one pair: values by method and metric, and by method and score."""
    keys = list(next(iter(metrics.values())))
    description = {
        "config": {"out": str(folder), "metrics": keys, "detect": True},
        "methods": {name: {} for name in metrics},
        "datasets": {"toy": {"pairs": ["one"]}},
        "downstream": {"detector": {"name": "spots"}},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(description))
    Store(folder).append(
        Row("toy", method, "one", key, value, "ok") for method, own in metrics.items() for key, value in own.items()
    )
    scores = {
        name: PeopleEntry({"AP50": own["AP50"], "mAP": own["mAP"]}, {"MOTA": own["MOTA"]}, 1, 1)
        for name, own in found.items()
    }
    write_people(folder, {"toy": PeopleBoard(1, 1, scores)})
    return folder


METRICS = {
    "a": {"sd": 1.0, "nabf": 0.4},
    "b": {"sd": 2.0, "nabf": 0.3},
    "c": {"sd": 3.0, "nabf": 0.2},
    "d": {"sd": 4.0, "nabf": 0.1},
}


FOUND = {
    "a": {"AP50": 0.1, "mAP": 0.4, "MOTA": 0.3},
    "b": {"AP50": 0.2, "mAP": 0.3, "MOTA": 0.2},
    "c": {"AP50": 0.3, "mAP": 0.2, "MOTA": 0.6},
    "d": {"AP50": 0.4, "mAP": 0.1, "MOTA": 0.7},
    "infrared": {"AP50": 0.9, "mAP": 0.9, "MOTA": 0.9},
}


def test_metrics_predict_better_with_better(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Less Nabf is better: its order is that of SD. MOTA turns one couple of six round: (5 - 1) / 6."""
    run = a_run(tmp_path, METRICS, FOUND)
    methods, found = predictions(Run(run))
    assert methods == ["a", "b", "c", "d"]
    taus = {(one.metric.key, one.score.label): one.agreement.tau for one in found}
    for key in ("sd", "nabf"):
        assert [taus[key, task] for task in ("AP50", "mAP", "MOTA")] == pytest.approx([1, -1, 4 / 6])
    assert main(["predict", str(run)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("4 methods: a, b, c, d") and "no intervals" in printed and "0.67" in printed


def test_a_method_without_a_score_is_left_out_of_that_comparison(tmp_path: Path) -> None:
    run = a_run(tmp_path, METRICS, FOUND)
    content = json.loads((run / "downstream.json").read_text())
    content["toy"]["scores"]["a"]["tracking"]["MOTA"] = None
    (run / "downstream.json").write_text(json.dumps(content))
    agreements = {one.score.label: one.agreement for one in predictions(Run(run))[1]}
    assert (agreements["MOTA"].methods, agreements["MOTA"].tau) == (3, 1)
    assert agreements["AP50"].methods == 4


def test_nothing_to_predict_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = a_run(tmp_path, {name: METRICS[name] for name in "ab"}, FOUND)
    assert main(["predict", str(run)]) == 2
    assert "2 methods" in capsys.readouterr().err
    (run / "downstream.json").unlink()
    assert main(["predict", str(run)]) == 2
    assert "run again into it with --detect" in capsys.readouterr().err


def test_resampled_taus_are_those_of_scipy() -> None:
    random = np.random.default_rng(1)
    first, second = random.integers(0, 4, size=(2, 7)).astype(float)  # with ties
    samples = random.integers(7, size=(200, 7))
    expected = [kendalltau(first[sample], second[sample]).statistic for sample in samples]
    assert np.isfinite(expected).any()
    np.testing.assert_allclose(_resampled(first, second, samples), expected, atol=1e-12)


def test_agreement_of_scores_without_an_order_is_no_number() -> None:
    found = rank_agreement(np.array([1.0, 2.0, 3.0, np.nan]), np.array([5.0, 5.0, 5.0, 1.0]))
    assert np.isnan([found.tau, found.low, found.high]).all() and found.methods == 3
