"""Measures of robustness, by examples computed by hand."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from ivif.benchmark.metrics import get
from ivif.benchmark.people import PeopleEntry
from ivif.benchmark.reports.robustness.curves import Curves, as_curves
from ivif.benchmark.reports.robustness.measures import (
    clean_errors,
    corruption_errors,
    corruption_losses,
    ideal,
    kept_area,
    losses,
    people_lines,
    relative_errors,
    robustness_lines,
    tolerated,
)
from ivif.benchmark.reports.robustness.page import write_robustness_page
from ivif.benchmark.reports.robustness.tables import curves_csv, robustness_text, summary_csv
from ivif.benchmark.store import Row
from ivif.datasets.corruptions import CLEAN, CorruptionLevel, amounts

LEVELS = (CLEAN, *(CorruptionLevel(name, severity) for name in ("fog", "shift") for severity in (1, 3)))

MEANS = {
    # ssim, whose ideal is 2, and en, which noise improves: it may say what it likes
    "laplacian": [[1.5, 7], [1.4, 8], [1.2, 9], [1.1, 7], [0.7, 7]],
    "mine": [[1.6, 1], [1.5, 1], [1.5, 1], [1.4, 1], [1.2, 1]],
}


def curves(pairs: int = 2, people: dict | None = None) -> Curves:
    """Two pairs whose mean is `MEANS`: one is better by .1 than the other is worse."""
    means = np.array(list(MEANS.values()))
    spread = np.linspace(-0.1, 0.1, pairs) if pairs > 1 else np.zeros(1)
    values = means[..., None] + spread * np.array([1, 0])[:, None]
    names = tuple(f"pair {number}" for number in range(pairs))
    return Curves(
        "own", "laplacian", tuple(MEANS), (get("ssim"), get("en")), LEVELS, names, values, people=people or {}
    )


def test_mean_corruption_error_by_hand() -> None:
    """Errors 2 - ssim. Fog: baseline .6 + .8, mine .5 + .5: 71.43 %. Shift: .9 + 1.3, mine .6 + .8: 63.64 %."""
    found = corruption_errors(curves(), curves().values.mean(-1))
    assert found[0].tolist() == pytest.approx([100, 100])
    assert found[1].tolist() == pytest.approx([100 * 1.0 / 1.4, 100 * 1.4 / 2.2])
    assert clean_errors(curves(), curves().values.mean(-1)).tolist() == pytest.approx([100, 100 * 0.4 / 0.5])
    line = robustness_lines(curves())[0]
    assert line.method == "mine" and line.mce == pytest.approx((71.428571 + 63.636364) / 2)


def test_relative_error_by_hand() -> None:
    """Lost of its own clean value: baseline .1 + .3 + .4 + .8 of 1.5, mine .1 + .1 + .2 + .4 of 1.6."""
    lost = corruption_losses(curves(), losses(curves().values.mean(-1), curves().metrics))
    assert relative_errors(curves(), lost).tolist() == pytest.approx([100, 100 * (0.8 / 1.6) / (1.6 / 1.5)])
    mine = robustness_lines(curves())[0]
    assert mine.lost == pytest.approx((0.0625 + 0.1875) / 2)
    assert mine.worst == ("shift", pytest.approx(0.1875))


def test_a_baseline_that_loses_nothing_is_no_measure() -> None:
    own = curves()
    own.values[0, 1:] = own.values[0, 0]
    assert all(math.isnan(line.relative) for line in robustness_lines(own))


def test_area_under_the_curve_by_hand() -> None:
    """Kept of the baseline under fog: 1, .9333, .8 at severities 0, 1, 3: trapezes .9667 + 2 x .8667 over 3."""
    means = curves().values.mean(-1)
    area = kept_area(curves(), losses(means, curves().metrics))
    assert area[0, 0] == pytest.approx((0.966667 + 2 * 0.866667) / 3)


def test_tolerated_misregistration_by_hand() -> None:
    """The baseline lost .4/1.5 at the first shift: a tenth at .375 of it; mine .125 at the first: at .8 of it."""
    means = curves().values.mean(-1)
    found = tolerated(curves(), losses(means, curves().metrics), "shift")
    first = amounts("shift")[1]
    assert found.tolist() == pytest.approx([0.1 / (0.4 / 1.5) * first, 0.1 / 0.125 * first])
    fog = tolerated(curves(), losses(means, curves().metrics), "fog")
    assert fog[1] == math.inf


def test_intervals_hold_the_value_and_a_single_pair_has_none() -> None:
    for line in robustness_lines(curves(8)):
        assert line.low <= line.mce <= line.high
    assert robustness_lines(curves(8))[0].low < robustness_lines(curves(8))[0].high
    assert math.isnan(robustness_lines(curves(1))[0].low)


def test_ideals() -> None:
    assert ideal(get("vif")) == 2 and ideal(get("nabf")) == 0 and ideal(get("scd")) == 2
    assert ideal(get("psnr")) is None
    assert ideal(get("qabf")) == pytest.approx(0.98730726)


def rows(missing: tuple[str, str] | None = None) -> list[Row]:
    """Every value of `MEANS` on two pairs; that of one method and pair may be missing."""
    found = []
    for method, means in MEANS.items():
        for level, values in zip(LEVELS, means, strict=True):
            for pair in ("a", "b"):
                lost = (method, pair) == missing and level.corruption == "fog"
                for key, value in zip(("ssim", "en"), values, strict=True):
                    state = ("failed", "it broke") if lost else ("ok", "")
                    found.append(Row("own", method, f"{pair}@{level.key}", key, None if lost else value, *state))
    return found


def test_pairs_that_a_method_lacks_are_left_out_for_all() -> None:
    every = as_curves("own", "laplacian", list(MEANS), ["ssim", "en"], LEVELS, ["a", "b"], rows())
    assert every.pairs == ("a", "b") and every.left_out == 0
    assert every.values.mean(-1).tolist() == list(MEANS.values())
    some = as_curves("own", "laplacian", list(MEANS), ["ssim", "en"], LEVELS, ["a", "b"], rows(("mine", "b")))
    assert some.pairs == ("a",) and some.left_out == 1


def test_a_method_without_any_complete_pair_is_told_with_its_reason() -> None:
    broken = [row for row in rows(("mine", "a")) if row.method != "mine" or row.pair.startswith("a")]
    found = as_curves("own", "laplacian", list(MEANS), ["ssim", "en"], LEVELS, ["a", "b"], broken)
    assert found.methods == ("laplacian",) and found.lacking == {"mine": "it broke"}
    assert "mine has no pair with all values: it broke" in robustness_text([found])


def entry(ap50: float, precise: float = 0.1) -> PeopleEntry:
    return PeopleEntry({"AP50": ap50, "mAP": precise}, images=2)


def test_people_by_hand() -> None:
    """Fog .4 and .2, shift .6 and .6: means .3 and .6, of which .45 is half of .9."""
    values = (0.9, 0.4, 0.2, 0.6, 0.6)
    people = {level.key: {"mine": entry(value)} for level, value in zip(LEVELS, values, strict=True)}
    people["clean"]["visible"] = entry(0.5)  # not looked at under corruption: no line
    (line,) = people_lines(curves(people=people))
    assert line.method == "mine" and line.clean[0] == 0.9
    assert line.spoilt[0] == pytest.approx(0.45) and line.kept == pytest.approx(0.5)
    assert line.worst == ("fog", pytest.approx(0.3))


def test_tables_hold_the_measures() -> None:
    text = robustness_text([curves()])
    assert re.search(r"^mine +80\.0 +67\.5 ", text, re.MULTILINE) and "shift -19%" in text
    markdown = robustness_text([curves()], "md")
    assert re.search(r"\| mine +\| +80\.0 \| +67\.5 \|", markdown)
    summary = list(csv.DictReader(io.StringIO(summary_csv([curves()]))))
    assert [row["method"] for row in summary] == ["mine", "laplacian"]
    assert float(summary[0]["mce"]) == pytest.approx(67.5325, abs=1e-3)
    points = list(csv.DictReader(io.StringIO(curves_csv([curves()]))))
    assert len(points) == 2 * 5 * 2
    (point,) = [
        row
        for row in points
        if (row["method"], row["corruption"], row["severity"], row["metric"]) == ("mine", "shift", "3", "ssim")
    ]
    assert float(point["value"]) == pytest.approx(1.2) and float(point["lost"]) == pytest.approx(0.25)
    assert float(point["amount"]) == amounts("shift")[3] and point["unit"] == "pixels"


def test_the_page_opens_without_a_network_and_holds_the_numbers(tmp_path: Path) -> None:
    page = write_robustness_page([curves()], tmp_path / "robustness.html").read_text()
    data = re.search(r'<script type="application/json" id="robustness-data">(.*?)</script>', page, re.DOTALL)
    assert data
    (part,) = json.loads(data[1])
    assert part["by_severity"]["SSIM"]["mine"]["shift"] == pytest.approx([0.125, 0.25])
    assert part["by_corruption"]["all"]["mine"]["fog"] == pytest.approx(0.0625)
    assert not re.search(r'(?:src|href)="https?://', page)
