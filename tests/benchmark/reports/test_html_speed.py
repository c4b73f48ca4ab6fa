"""The report of 50 methods x 221 pairs x 20 metrics: how large it is, how long it takes to open and to sort.

Times are those of the page's own thread while it worked, so that other work on the machine does not count.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ivif.benchmark.metrics import metric_names
from ivif.benchmark.reports.html.page import write_report
from ivif.benchmark.reports.joining import Joined
from ivif.benchmark.reports.opening import judgements_of
from ivif.benchmark.run_directory import Run
from ivif.benchmark.store import Row

METHODS, PAIRS, METRICS = 50, 221, 20
LARGEST, OPENED, SORTED = 15e6, 2.0, 0.1
"""Bytes without pictures; seconds to open; seconds to sort by any column."""

SLOW = 2.5
"""By how much a shared machine may be slower than two quiet cores."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, random = tmp_path_factory.mktemp("large"), np.random.default_rng(0)
    keys = [key for key in metric_names() if "@" not in key][:METRICS]
    methods, pairs = [f"method_{n:02d}" for n in range(METHODS)], [f"pair{n:03d}" for n in range(PAIRS)]
    description = {
        "config": {"out": str(folder), "metrics": keys},
        "methods": dict.fromkeys(methods),
        "datasets": {"toy": {"pairs": pairs}},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(description))
    values = 5 + 0.3 * random.normal(size=(METHODS, 1, 1)) + random.normal(size=(METHODS, PAIRS, METRICS))
    rows = tuple(
        Row("toy", method, pair, key, value, "ok")
        for method, by_pair in zip(methods, values.tolist(), strict=True)
        for pair, by_key in zip(pairs, by_pair, strict=True)
        for key, value in zip(keys, by_key, strict=True)
    )
    run = Run(folder)
    part = Joined("toy", tuple(pairs), dict.fromkeys(methods, run), tuple(keys), rows, None, "", None)
    return write_report([run], folder / "report.html", "none", judgements_of([part]))


class Clock:
    """Seconds that a page's thread has worked."""

    def __init__(self, page: Any) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds(self) -> float:
        found = {own["name"]: own["value"] for own in self.session.send("Performance.getMetrics")["metrics"]}
        return float(found["TaskDuration"])


@pytest.fixture
def page(browser: Any) -> Any:
    return browser.new_page(viewport={"width": 1600, "height": 900})


PAINTED = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))"


def test_it_is_small_and_opens_and_sorts_at_once(large: Path, page: Any) -> None:
    clock = Clock(page)
    page.goto(large.as_uri())
    page.wait_for_selector("html[data-ready=yes]")
    page.evaluate(PAINTED)
    opened = clock.seconds()
    columns = page.locator("table.leaderboard thead tr:last-child th").count()
    sort = """(place) => {
        const head = document.querySelectorAll("table.leaderboard thead tr:last-child th")[place];
        head.dispatchEvent(new MouseEvent("click", { bubbles: true }));
        return new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
    }"""
    took = []
    for place in range(columns):
        turns = []
        for _ in range(3):
            start = clock.seconds()
            page.evaluate(sort, place)
            turns.append(clock.seconds() - start)
        took.append(min(turns))
    print(
        f"{large.stat().st_size / 1e6:.1f} MB, opened in {opened:.2f} s, sorted in {min(took):.3f} to {max(took):.3f} s"
    )
    assert large.stat().st_size < LARGEST
    assert opened < SLOW * OPENED
    assert max(took) < SLOW * SORTED
