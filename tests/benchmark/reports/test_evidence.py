"""Evidence of Reference-then-Supervision: hand-made runs whose every number is worked out here or by SciPy."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from scipy.stats import wilcoxon

from ivif.benchmark.cli import main
from ivif.benchmark.config import ConfigError
from ivif.benchmark.leaderboard import Cell, Leaderboard, Line
from ivif.benchmark.people import PEOPLE_SCORES, PeopleBoard, PeopleEntry, json_numbers, series_of_results, write_people
from ivif.benchmark.reports import statistics
from ivif.benchmark.reports.evidence import gathered
from ivif.benchmark.reports.evidence_tables import render_evidence
from ivif.benchmark.reports.people_standing import SAMPLES, people_spreads
from ivif.benchmark.reports.resampling import Parts, gain_interval
from ivif.benchmark.reports.statistics import RESAMPLES, drawn, paired
from ivif.benchmark.run_directory import Run
from ivif.benchmark.store import Row, Store
from ivif.datasets.boxes import Boxes
from ivif.datasets.images import write_png
from ivif.datasets.pairs import PairDataset
from ivif.downstream.detection import detection_scores
from ivif.downstream.evaluation import Evaluation, evaluate
from ivif.downstream.hota import HotaCounts
from ivif.downstream.tracking import TrackingScores

AP50, MAP, HOTA, MOTA = (score for score in PEOPLE_SCORES if score.key in ("ap50", "map", "hota", "mota"))

Scores = Mapping[str, Mapping[str, Sequence[float | None]]]
"""By method and metric: a value a pair."""


def a_run(folder: Path, scores: Scores, shares: Mapping[str, float] | None = None) -> Path:
    """A run directory on a data set ``toy``."""
    keys = list(next(iter(scores.values())))
    count = len(next(iter(scores.values()))[keys[0]])
    description = {
        "config": {"out": str(folder), "metrics": keys},
        "methods": {name: {"share_of_published_training": own} for name, own in (shares or {}).items()},
        "datasets": {"toy": {"pairs": [f"pair{number}" for number in range(count)]}},
    }
    description["methods"] = {name: description["methods"].get(name, {}) for name in scores}
    folder.mkdir(exist_ok=True)
    (folder / "run.yaml").write_text(yaml.safe_dump(description))
    Store(folder).append(
        Row("toy", method, f"pair{number}", key, value, "failed" if value is None else "ok")
        for method, own in scores.items()
        for key, values in own.items()
        for number, value in enumerate(values)
    )
    return folder


PLAIN = np.arange(10.0)
UP, MIXED = np.arange(1.0, 11.0), np.array([1, -2, 3, 4, 5, 6, 7, 8, -9, 10.0])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Ten pairs: en gains everywhere, sd on eight, nabf rises everywhere, psnr gains everywhere."""
    changes = {"en": UP, "sd": MIXED, "nabf": UP / 100, "psnr": 2 * UP}
    scores = {
        "a": {key: PLAIN.tolist() for key in changes},
        "a+rts": {key: (PLAIN + change).tolist() for key, change in changes.items()},
        "average": {key: (PLAIN + 1000).tolist() for key in changes},
    }
    return a_run(tmp_path / "run", scores, {"a": 0.01, "a+rts": 0.01, "average": 1.0})


def test_every_number_of_one_network(run: Path) -> None:
    (board,) = gathered([Run(run)])
    (network,) = board.networks
    assert [metric.key for metric in board.metrics] == ["en", "sd", "nabf", "psnr"]
    p = {"en": 2 / 2**10, "sd": wilcoxon(MIXED).pvalue, "nabf": 2 / 2**10, "psnr": 2 / 2**10}
    for key, change in network.metrics.items():
        assert change.test is not None and change.test.p == pytest.approx(p[key])
    # Of two core metrics Holm doubles the smaller p; of four in the table three are least and equal: times 4
    assert network.metrics["en"].p_core == pytest.approx(2 * p["en"])
    assert network.metrics["sd"].p_core == pytest.approx(p["sd"])
    assert np.isnan(network.metrics["psnr"].p_core)
    assert [network.metrics[key].p_table for key in p] == pytest.approx(
        [4 * p["en"], p["sd"], 4 * p["en"], 4 * p["en"]]
    )
    # ranks 1 .. 10: 2 and 9 of 55 against
    assert network.metrics["sd"].test is not None
    assert network.metrics["sd"].test.effect == pytest.approx((44 - 11) / 55)
    assert [network.metrics[key].outcome for key in p] == [1, 0, -1, 1]
    # average takes no part: en 2 > 1, sd 2 > 1, nabf 1 > 2, psnr 2 > 1
    assert (network.rank.before, network.rank.after, board.methods) == (1.75, 1.25, 2)
    assert (network.core, network.artifacts, network.rank.outcome) == (1, -1, 1)


def test_ties_share_their_ranks_and_nothing_counts_for_nobody() -> None:
    """Gains 1, 1, -1 and 0: three ranks of 2, two for and one against; lower is better turns it round."""
    before, after = np.zeros(4), np.array([1.0, 1.0, -1.0, 0.0])
    for higher, effect in ((True, 1 / 3), (False, -1 / 3)):
        found = paired(before, after, higher)
        assert (found.effect, found.sign) == (pytest.approx(effect), int(np.sign(effect)))
        assert found.p == pytest.approx(wilcoxon(after).pvalue)
    assert (paired(before, before).effect, paired(before, before).sign) == (0, 0)


def test_seeds_are_one_network(tmp_path: Path) -> None:
    """Gains of 1 and 3 on average, in two runs: mean 2, and the test is of each pair's mean."""
    first = a_run(tmp_path / "one", {"a": {"en": [0.0] * 6}, "a+rts": {"en": [1.0, 1, 1, 1, 1, 1]}})
    second = a_run(tmp_path / "two", {"a.s1": {"en": [0.0] * 6}, "a.s1+rts": {"en": [-2.0, 4, 4, 4, 4, 4]}})
    (board,) = gathered([Run(first), Run(second)])
    (network,) = board.networks
    assert (network.name, network.seeds, network.metrics["en"].gains) == ("a", 2, (1, 3))
    test = network.metrics["en"].test
    expected = wilcoxon([-0.5, 2.5, 2.5, 2.5, 2.5, 2.5]).pvalue
    assert test is not None and (test.gain, test.wins, test.losses) == (2, 5, 1) and test.p == pytest.approx(expected)
    # a and a.s1 share 3.5; a.s1+rts (mean 3) is first, a+rts second
    assert (network.rank.before, network.rank.after) == (3.5, 1.5)
    assert "a, 2 seeds" in render_evidence([board], "terminal")
    assert "+2 (+1 .. +3)" in render_evidence([board], "terminal")


def test_seeds_of_published_weights_are_apart(tmp_path: Path) -> None:
    values = {"en": [0.0, 1.0]}
    names = ["a", "a+rts", "a+published", "a+rts+published", "a.s2+published", "a.s2+rts+published"]
    (board,) = gathered([Run(a_run(tmp_path / "run", dict.fromkeys(names, values)))])
    assert [(network.name, network.seeds) for network in board.networks] == [("a", 1), ("a+published", 2)]


def test_a_metric_that_one_run_or_one_method_lacks(tmp_path: Path) -> None:
    """Ranks are of what all runs measured; what is not measured is neither met nor missed."""
    first = a_run(tmp_path / "one", {"a": {"en": [0.0] * 6}, "a+rts": {"en": [1.0] * 6}})
    both = {"en": [0.5] * 6, "nabf": [0.2] * 6}
    second = a_run(tmp_path / "two", {"b": both, "b+rts": {"en": [0.5] * 6, "nabf": [None] * 6}})
    (board,) = gathered([Run(first), Run(second)])
    a, b = board.networks
    assert board.ranked == ("en",) and (a.rank.before, a.rank.after, b.rank.before) == (4, 1, 2.5)
    assert a.metrics["nabf"].test is None and a.artifacts is b.artifacts is None
    assert (a.core, b.core, b.rank.outcome) == (1, 0, -1)
    aims = render_evidence([board], "terminal").partition("The aim")[2]
    assert [line.split()[-1] for line in aims.splitlines() if line.startswith(("a ", "b "))] == ["-", "-"]


def test_runs_on_other_pairs_stand_apart(tmp_path: Path) -> None:
    runs = [
        Run(a_run(tmp_path / str(count), {"a": {"en": [0.0] * count}, "a+rts": {"en": [1.0] * count}}))
        for count in (6, 7)
    ]
    assert [board.pairs for board in gathered(runs)] == [6, 7]


def test_what_cannot_be_compared(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alone = a_run(tmp_path / "alone", {"a": {"en": [0.0]}, "b+rts": {"en": [0.0]}})
    assert main(["rts-evidence", str(run), str(alone)]) == 2
    assert f"nothing to compare in {alone}: name two methods, or run a network" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="two runs have a on the same pairs of toy"):
        gathered([Run(run), Run(a_copy(run, tmp_path / "copy"))])


def a_copy(run: Path, folder: Path) -> Path:
    folder.mkdir()
    (folder / "run.yaml").write_bytes((run / "run.yaml").read_bytes())
    return folder


def test_every_format_says_the_same(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rts-evidence", str(run)]) == 0
    terminal = capsys.readouterr().out
    assert "toy, 10 pairs; mean ranks among 2 methods by 4 metrics" in terminal
    assert "1 more" in terminal and "1 better : 0 worse" in terminal
    assert "met  1.75 > 1.25" in terminal and "met  1 : 0 of 2" in terminal and "missed  4.5 > 4.5" in terminal
    assert "(pixels seen): a 1.0 %, a+rts 1.0 %; NAME" in terminal
    out = run / "evidence.md"
    assert main(["rts-evidence", str(run), "--format", "md", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert "### The aim" in out.read_text() and "| met  1 : 0 of 2" in out.read_text()
    assert main(["rts-evidence", str(run), "--format", "csv"]) == 0
    rows = {row["measure"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert list(rows) == ["rank", "en", "sd", "nabf", "psnr", "core"]
    assert (rows["rank"]["aim"], rows["core"]["aim"], rows["nabf"]["aim"]) == ("met", "met", "missed")
    assert (rows["sd"]["won"], rows["sd"]["lost"], rows["sd"]["aim"]) == ("8", "2", "")
    assert float(rows["en"]["gain"]) == 5.5 and float(rows["nabf"]["gain"]) == pytest.approx(-0.055)


# People


def found_in(seed: int, worse: bool) -> tuple[dict[str, Boxes], dict[str, Boxes]]:
    """Detections and labels of eight images with two people each; the worse detector misses every other person."""
    random = np.random.default_rng(seed)
    truths, found = {}, {}
    for number in range(8):
        corners = np.array([[0, 0, 40, 40], [100, 0, 140, 40]], dtype=np.float64)
        truths[f"{number}"] = Boxes(corners)
        alarms = np.array([[300.0, 0, 340, 40]])
        seen = corners[: 1 if worse and number % 2 else 2] + random.integers(0, 8)
        boxes = np.concatenate((seen, alarms))
        found[f"{number}"] = Boxes(boxes, scores=random.random(len(boxes)))
    return found, truths


def test_intervals_of_detection_are_those_of_samples_drawn_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "RESAMPLES", 100)
    sides = [detection_scores(*found_in(seed, seed == 0)) for seed in (0, 1)]
    before, after = (Parts({image.name: image for image in side.images}, {}) for side in sides)
    samples = [np.repeat(np.arange(8), row) for row in drawn(8)]
    for score, attribute in ((AP50, "ap50"), (MAP, "ap")):
        gains = [getattr(sides[1].select(own), attribute) - getattr(sides[0].select(own), attribute) for own in samples]
        low, high = gain_interval(score, [(before, after)])
        assert (low, high) == pytest.approx(np.quantile(gains, (0.025, 0.975)), abs=1e-9)
        assert low < getattr(sides[1], attribute) - getattr(sides[0], attribute) < high
    assert gain_interval(AP50, [(before, before)]) == (0, 0)
    # one seed that gains and one that loses as much: nothing, in every sample
    assert gain_interval(AP50, [(before, after), (after, before)]) == pytest.approx((0, 0))


def followed(objects: int, misses: int) -> TrackingScores:
    nothing = HotaCounts(*(np.zeros(19) for _ in range(5)))
    return TrackingScores(9, objects, 1, objects - misses, misses, *[0] * 6, 1.0, 0, 0, 0, nothing)


def test_intervals_of_tracking_weigh_sequences_by_their_people() -> None:
    """MOTA of a sample is 1 - all its misses / all its people; six sequences suffice, five do not."""
    objects, missed = np.array([10, 20, 30, 40, 50, 60]), np.array([[5, 9, 9, 9, 9, 9], [1, 8, 9, 10, 8, 2]])
    before, after = (
        Parts({}, {f"{n}": followed(*pair) for n, pair in enumerate(zip(objects.tolist(), own.tolist(), strict=True))})
        for own in missed
    )
    counts = drawn(6)
    gains = (counts @ missed[0] - counts @ missed[1]) / (counts @ objects)
    assert gain_interval(MOTA, [(before, after)]) == pytest.approx(np.quantile(gains, (0.025, 0.975)))
    five = Parts({}, {name: own for name, own in before.sequences.items() if name != "5"})
    assert np.isnan(gain_interval(MOTA, [(five, after)])).all()


def test_drawing_is_with_replacement_and_repeatable() -> None:
    counts = drawn(5)
    assert counts.shape == (RESAMPLES, 5) and (counts.sum(axis=1) == 5).all() and (counts > 1).any()
    np.testing.assert_array_equal(counts, drawn(5))


class Recalled:
    """A detector that finds, image after image, what it is told."""

    name = "recalled"

    def __init__(self, boxes: Sequence[Boxes]) -> None:
        self.boxes = iter(boxes)

    def detect(self, images: Sequence[object]) -> list[Boxes]:
        return [next(self.boxes) for _ in images]

    def fingerprint(self) -> str:
        return "recalled"


@pytest.fixture
def looked(tmp_path: Path) -> Path:
    """A run on eight own pairs with labels; a finds half of the people, a+rts all."""
    names = [f"{number}" for number in range(8)]
    for number, name in enumerate(names):
        for camera in ("infrared", "visible", "a", "a+rts"):
            write_png(tmp_path / camera / f"{name}.png", torch.full((1, 64, 400), number, dtype=torch.uint8))
        lines = [f"0 {(left + 20) / 400} {20 / 64} {40 / 400} {40 / 64}\n" for left in (0, 100)]
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "labels" / f"{name}.txt").write_text("".join(lines))
    folder = tmp_path / "run"
    texts = [f"{name}={tmp_path / name}" for name in ("a", "a+rts")]
    paths = {key: str(tmp_path / key) for key in ("infrared", "visible", "labels")}
    description = {
        "config": {"out": str(folder), "metrics": ["en"], "methods": texts, "detect": True, "track": False, **paths},
        "methods": {"a": {}, "a+rts": {}},
        "datasets": {tmp_path.name: {"pairs": names}},
        "downstream": {"detector": {"name": "recalled", "label": "person"}, "sort": None},
    }
    folder.mkdir()
    (folder / "run.yaml").write_text(yaml.safe_dump(description))
    (data,) = Run(folder).datasets()
    description["datasets"] = {data.name: {"pairs": [pair.name for pair in data]}}
    (folder / "run.yaml").write_text(yaml.safe_dump(description))
    done = {name: looked_at(Run(folder), data, name, seed) for seed, name in enumerate(("a", "a+rts"))}
    entries = {name: PeopleEntry(json_numbers(own.detection().as_row()), images=8) for name, own in done.items()}
    write_people(folder, {data.name: PeopleBoard(8, 0, entries)})
    Store(folder).append(Row(data.name, name, pair, "en", 1.0, "ok") for name in ("a", "a+rts") for pair in names)
    return folder


def looked_at(run: Run, data: PairDataset, name: str, seed: int) -> Evaluation:
    found, _ = found_in(seed, name == "a")
    series = series_of_results(data, run.results(name, data.name))
    return evaluate(series, Recalled(list(found.values())), None, run.folder)


def test_detections_of_a_run_are_scored_again(looked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (board,) = gathered([Run(looked)])
    change = board.networks[0].people["ap50"]
    before, after = (detection_scores(*found_in(seed, seed == 0)).ap50 for seed in (0, 1))
    assert (change.before, change.after) == pytest.approx((before, after))
    assert change.low < after - before < change.high and change.count == 8 and not board.notes
    assert list(board.networks[0].people) == ["ap50", "map"]
    assert change.outcome == (1 if change.low > 0 else 0)
    assert main(["rts-evidence", str(looked)]) == 0
    assert "8 images" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["detections", "labels"])
def test_means_without_their_detections_have_no_interval(looked: Path, what: str) -> None:
    """Detections that are gone, or labels that are others now: the recorded means stand, and the reason is told."""
    for path in (looked if what == "detections" else looked.parent).glob(f"{what}/**/*.txt"):
        path.write_text("" if what == "detections" else f"0 {20 / 400} {20 / 64} {40 / 400} {40 / 64}\n")
    (board,) = gathered([Run(looked)])
    change = board.networks[0].people["ap50"]
    assert change.after > change.before and np.isnan(change.low) and change.outcome == 0
    assert "not those of the recorded" in board.notes[0]
    assert "no interval: a on " in render_evidence([board], "terminal")


def test_every_row_has_its_interval_and_one_beside_the_best_camera() -> None:
    """MOTA of a sample is 1 - misses / people; the infrared camera is the better one, and all are drawn alike."""
    objects = np.array([10, 20, 30, 40, 50, 60])
    missed = {"fused": [1, 1, 2, 2, 3, 3], "poor": [9, 18, 27, 30, 40, 50], "infrared": [1, 4, 6, 9, 9, 12]}
    missed["visible"] = [5, 9, 12, 20, 20, 30]
    parts = {
        name: Parts({}, {str(n): followed(*pair) for n, pair in enumerate(zip(objects.tolist(), own, strict=True))})
        for name, own in missed.items()
    }

    def line(name: str) -> Line:
        return Line(name, (), None, 0, 0, (Cell(1 - sum(missed[name]) / objects.sum(), 6),))

    lines, controls = (line("fused"), line("poor")), (line("infrared"), line("visible"))
    board = Leaderboard("toy", 6, (), lines, (MOTA,), (6,), controls)
    found = people_spreads(board, parts)["mota"]
    counts = drawn(6, samples=SAMPLES)
    shares = {name: 1 - counts @ np.array(own) / (counts @ objects) for name, own in missed.items()}
    for name, own in shares.items():
        assert (found[name].low, found[name].high) == pytest.approx(np.quantile(own, (0.025, 0.975)))
        ends = np.quantile(own - shares["infrared"], (0.025, 0.975))
        assert (found[name].gain_low, found[name].gain_high) == pytest.approx(ends)
    assert found["fused"].gain == pytest.approx((41 - 12) / 210) and found["fused"].gain_low > 0
    assert {name for name, own in found.items() if own.alike} == {"fused"}
    few = people_spreads(board, {name: own.among((), {"0", "1"}) for name, own in parts.items()})["mota"]
    assert np.isnan(few["fused"].low) and few["fused"].why_not == "fewer than 6 sequences"
    gone = people_spreads(board, {}, "detections are gone")["mota"]
    assert np.isnan(gone["poor"].gain_low) and gone["poor"].why_not == "detections are gone"


def test_parts_of_a_condition_are_scored_like_a_data_set_of_them() -> None:
    parts = Parts({}, {"a": followed(10, 1), "b": followed(30, 9)})
    entry = parts.entry((), {"b"})
    assert entry.sequences == 1 and entry.images == 0 and entry.tracking["MOTA"] == pytest.approx(1 - 9 / 30)
