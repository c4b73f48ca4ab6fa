"""The report: what it holds, what it refuses, and how it behaves in a browser without a network."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from ivif.benchmark.config import ConfigError, RunConfig
from ivif.benchmark.reports.colour import STRANGE, colours_of, foreign_chroma
from ivif.benchmark.reports.html.page import write_report
from ivif.benchmark.reports.html.pictures import frame_tracks
from ivif.benchmark.reports.joining import join
from ivif.benchmark.run_directory import Run
from ivif.benchmark.running.runner import run
from ivif.benchmark.store import Row, Store
from ivif.datasets.boxes import Boxes
from ivif.datasets.images import write_png
from ivif.datasets.pairs import pair_folders

EVIL = "<script>alert(1)</script>"
PAIRS = [f"pair {number}" for number in range(7)]


def smooth(random: np.random.Generator, channels: int) -> torch.Tensor:
    coarse = torch.from_numpy(random.random((1, channels, 4, 5)).astype(np.float32))
    return (torch.nn.functional.interpolate(coarse, size=(48, 64), mode="bicubic").clamp(0, 1)[0] * 255).to(torch.uint8)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of average, laplacian and two folders on seven pairs: one called like a tag, one magenta in two pairs."""
    folder, random = tmp_path_factory.mktemp("finished"), np.random.default_rng(0)
    for number, name in enumerate(PAIRS):
        write_png(folder / "infrared" / f"{name}.png", smooth(random, 1))
        write_png(folder / "visible" / f"{name}.png", grey := smooth(random, 1).repeat(3, 1, 1) // 2)
        write_png(folder / "evil" / f"{name}.png", smooth(random, 1))
        magenta = torch.stack((grey[0] + 120, grey[1], grey[2] + 120))
        write_png(folder / "odd" / f"{name}.png", magenta if number < 2 else grey)
    fused = (f"{EVIL}={folder / 'evil'}", f"@odd_1&|={folder / 'odd'}")
    config = RunConfig(
        out=folder / "run", infrared=folder / "infrared", visible=folder / "visible",
        methods=("average", "laplacian"), fused=fused, jobs=1,
    )  # fmt: skip
    run(config)
    return Run(folder / "run")


@pytest.fixture(scope="module")
def report(finished: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report([finished], tmp_path_factory.mktemp("report") / "report.html")


def data(page: str, name: str) -> Any:
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_a_method_called_like_a_tag_is_a_row(report: Path) -> None:
    page = report.read_text()
    assert EVIL not in page and "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    (board,) = data(page, "boards")
    assert {line["method"] for line in board["lines"]} == {"average", "laplacian", EVIL, "@odd_1&|"}
    assert len(data(page, "pictures-0")["pairs"]) == 7


def test_the_page_asks_for_nothing(report: Path) -> None:
    page = report.read_text()
    assert not re.search(r'(src|href)="(?!data:|#)', page) and "sourceMappingURL" not in page
    assert "default-src 'none'" in page


def test_pictures_beside_the_file_and_none(finished: Run, tmp_path: Path) -> None:
    beside = write_report([finished], tmp_path / "beside.html", "beside").read_text()
    pictures = data(beside, "pictures-0")["pairs"]["pair 3"]
    assert (tmp_path / pictures["infrared"]).is_file() and all(
        (tmp_path / path).is_file() for path in pictures["fused"].values()
    )
    none = write_report([finished], tmp_path / "none.html", "none").read_text()
    assert data(none, "pictures-0") == {"pairs": {}, "methods": [], "references": [], "left_out": 7} and len(
        none
    ) < len(beside)


def test_how_much_methods_differ_is_the_mean_difference_of_luminance(report: Path, finished: Run) -> None:
    found = data(report.read_text(), "pictures-0")
    (own,) = finished.datasets()
    names = ("average", "laplacian")
    first, second = (finished.results(name, own.name).image(own[2]).float() for name in names)
    one, other = map(found["methods"].index, names)
    expected = float((first - second).abs().mean())
    assert found["pairs"]["pair 2"]["differ"][max(one, other)][min(one, other)] == pytest.approx(expected, rel=0.1)


def test_foreign_colours_are_told(finished: Run, report: Path) -> None:
    (found,) = colours_of(finished, finished.datasets()).values()
    assert sorted(found["@odd_1&|"].strange) == PAIRS[:2] and not found["average"].strange
    (board,) = data(report.read_text(), "boards")
    assert any("@odd_1&| in 2 of 7 pairs" in sentence for sentence in board["opening"])


def test_foreign_chroma_by_hand() -> None:
    """Pure red has Cb -43.2, Cr 127.5; grey and paler red are not foreign, cyan, its opposite, is."""
    red, cyan = torch.zeros(3, 8, 8, dtype=torch.uint8), torch.full((3, 8, 8), 255, dtype=torch.uint8)
    red[0], cyan[0] = 255, 0
    chroma = float(np.hypot(0.168736 * 255, 127.5))
    assert foreign_chroma(cyan, red) == pytest.approx(chroma, rel=1e-3)
    assert foreign_chroma(red // 2, red) == pytest.approx(0, abs=1)
    assert foreign_chroma(red[:1], red) == pytest.approx(0, abs=1e-3)
    assert foreign_chroma(red, red[:1]) == pytest.approx(chroma, rel=1e-3) and chroma > STRANGE


def a_run(folder: Path, names: list[str], **changes: Any) -> Run:
    folder.mkdir()
    description = {
        "config": {"out": str(folder), "metrics": ["en", "sd"]},
        "methods": dict.fromkeys(names),
        "datasets": {"toy": {"pairs": PAIRS}},
        "metrics": {key: {"sha256": key} for key in ("en", "sd")},
    } | changes
    (folder / "run.yaml").write_text(yaml.safe_dump(description))
    random = np.random.default_rng(len(names))
    Store(folder).append(
        Row("toy", method, pair, key, float(random.random()), "ok")
        for method in names for pair in PAIRS for key in ("en", "sd")
    )  # fmt: skip
    return Run(folder)


def test_runs_on_the_same_pairs_become_one_board(tmp_path: Path) -> None:
    (part,) = join([a_run(tmp_path / "one", ["a", "b"]), a_run(tmp_path / "two", ["c"])])
    assert {line.method for line in part.standing().board.lines} == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": {"a": None}}, "both have a on toy"),
        ({"datasets": {"toy": {"pairs": PAIRS[:3]}}}, "different pairs of toy"),
        ({"metrics": {"en": {"sha256": "other"}, "sd": {"sha256": "sd"}}}, "measured en by different code"),
    ],
)
def test_runs_that_may_not_be_joined_are_refused_with_the_reason(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        join([a_run(tmp_path / "one", ["a", "b"]), a_run(tmp_path / "two", ["c"], **changes)])


def test_conditions_have_boards_of_their_own(finished: Run) -> None:
    (part,) = join([finished])
    assert part.tags() == {}
    tagged = pair_folders(finished.config.infrared, finished.config.visible)  # type: ignore[arg-type]
    object.__setattr__(tagged, "pairs", tuple(
        type(pair)(pair.name, pair.infrared, pair.visible, tags=("night" if number % 2 else "day",))
        for number, pair in enumerate(tagged)
    ))  # fmt: skip
    object.__setattr__(part, "data", tagged)
    assert part.tags() == {"day": tuple(PAIRS[::2]), "night": tuple(PAIRS[1::2])}
    night = part.standing("night")
    assert night.board.images == 3 and night.test is None and "3 pairs" in night.why_not


@pytest.fixture
def page(browser: Any, report: Path) -> Iterator[Any]:
    """The report, opened; whatever it says on the console or asks for fails the test."""
    opened, complaints = browser.new_page(viewport={"width": 1200, "height": 900}), []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append(dialog.message))
    opened.on(
        "request", lambda sent: complaints.append(sent.url) if not sent.url.startswith(("file:", "data:")) else None
    )
    opened.goto(report.as_uri())
    opened.wait_for_selector("html[data-ready=yes]")
    yield opened
    opened.close()
    assert not complaints


def column(page: Any, place: int) -> list[str]:
    return page.eval_on_selector_all(
        f"table.leaderboard tbody tr > :nth-child({place})", "cells => cells.map(cell => cell.textContent.trim())"
    )


def test_sorting_by_mouse_and_keyboard(page: Any) -> None:
    head = page.locator("table.leaderboard th[data-key=en]").first
    head.click(position={"x": 8, "y": 8})
    values = list(map(float, column(page, 4)))
    assert values == sorted(values, reverse=True) and head.get_attribute("aria-sort") == "descending"
    page.locator("table.leaderboard th[data-key=sd] .dt-column-order").first.focus()
    page.keyboard.press("Enter")
    values = list(map(float, column(page, 6)))
    assert values == sorted(values, reverse=True)


def test_filters_and_columns(page: Any) -> None:
    page.fill("#find", "lap")
    assert column(page, 1) == ["laplacian"]
    page.fill("#find", "")
    page.select_option("#filter-family", "folder")
    assert sorted(column(page, 1)) == sorted([EVIL, "@odd_1&|"])
    page.locator(".chip", has_text="contrast").click()
    assert page.locator("th[data-key=sd]").count() == 0 or not page.locator("th[data-key=sd]").first.is_visible()
    assert "sd" not in page.evaluate("report.tableText('csv')").splitlines()[0].split(",")


def test_copied_text_has_names_right(page: Any) -> None:
    latex, markdown, csv = (page.evaluate(f"report.tableText('{form}')") for form in ("tex", "md", "csv"))
    assert r"\textless{}script\textgreater{}alert(1)\textless{}/script\textgreater{}" in latex
    assert r"@odd\_1\&\textbar{}" in latex and r"@odd\_1&\|" in markdown and r"\<script\>" in markdown
    assert f"\n{EVIL}," in csv and "\n'@odd_1&|," in csv


def test_a_click_explains(page: Any) -> None:
    page.locator("button.info").first.click()
    assert "entropy" in page.locator("#about").inner_text().lower()
    page.keyboard.press("Escape")
    page.locator("button.method").first.click()
    assert "median" in page.locator("#about").inner_text()
    page.keyboard.press("Escape")
    page.locator("td.number").first.click()
    assert "make it again" in page.locator("#about").inner_text()


def test_pictures_by_keyboard_slider_and_zoom(page: Any) -> None:
    page.locator("#pictures").scroll_into_view_if_needed()
    pair = page.locator("select[data-pick=pair]")
    pair.wait_for()
    page.keyboard.press("ArrowRight")
    assert pair.input_value() == "pair 1"
    page.locator("[data-pick=in]").click()
    transforms = page.eval_on_selector_all(".layer", "layers => layers.map(layer => layer.style.transform)")
    assert len(transforms) == 4 and len(set(transforms)) == 1 and "scale(2)" in transforms[0]
    page.locator("[data-pick=slider]").click()
    slider = page.locator("img-comparison-slider")
    before = slider.evaluate("element => element.value")
    slider.focus()
    page.keyboard.press("ArrowLeft", delay=120)
    page.wait_for_timeout(150)
    assert slider.evaluate("element => element.value") < before
    page.locator("[data-pick=map]").click()
    assert page.locator(".layer.difference img").count() == 2


def test_a_link_leads_to_a_pair(page: Any, report: Path) -> None:
    page.goto("about:blank")
    page.goto(f"{report.as_uri()}#data=0&pair=pair+4&a=laplacian&b=average&view=map")
    page.locator("select[data-pick=pair]").wait_for()
    chosen = [page.locator(f"select[data-pick={key}]").input_value() for key in ("pair", "a", "b")]
    assert chosen == ["pair 4", "laplacian", "average"] and page.locator(".layer.difference").count() == 1


def test_plots_are_drawn(page: Any) -> None:
    page.locator("#plots").scroll_into_view_if_needed()
    page.locator(".chart svg").first.wait_for()
    assert page.locator(".chart svg").count() >= 6


def test_a_phone_needs_no_sideways_scrolling(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_paper_is_white_and_ink_is_dark_whatever_the_screen_is(page: Any) -> None:
    page.emulate_media(color_scheme="dark")
    ink = "getComputedStyle(document.body).color"
    screen = page.evaluate(ink)
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate(ink) == "rgb(29, 33, 38)" != screen
    assert not page.locator(".tools").first.is_visible()


def test_all_that_can_be_used_has_a_name(page: Any) -> None:
    """What a screen reader says of each control, picture and table, by the browser's own tree."""
    page.locator("#pictures").scroll_into_view_if_needed()
    page.locator("select[data-pick=pair]").wait_for()
    session = page.context.new_cdp_session(page)
    nodes = [node for node in session.send("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
    named = ("button", "combobox", "searchbox", "checkbox", "link", "table", "tab")
    found = [(node["role"]["value"], node["name"]["value"]) for node in nodes if node["role"]["value"] in named]
    assert {"button", "combobox", "searchbox", "checkbox", "link", "table"} <= {role for role, _ in found}
    assert [role for role, name in found if not name] == []


def test_tracks_are_matched_with_the_people_and_leave_a_way() -> None:
    """One person stands still and is followed as 7; track 8 follows nobody; person 2 is missed."""
    boxes = np.array([[10.0, 10, 20, 40], [60, 10, 70, 40]])
    truth = Boxes(boxes, ids=np.array([1, 2]))
    seen = Boxes(np.array([[10.0, 10, 20, 38], [90, 10, 99, 40]]), ids=np.array([7, 8]))
    found = frame_tracks({0: seen[np.array([True, False])], 1: seen}, 1, truth)
    assert found["tracks"] == [[10, 10, 20, 38, 7, 1], [90, 10, 99, 40, 8, 0]]
    assert found["trails"] == [[15, 38, 15, 38], [94.5, 40]]
    assert found["truth"] == [[10, 10, 20, 40, 1, 1], [60, 10, 70, 40, 2, 0]]
    assert [row[-1] for row in frame_tracks({}, 1, truth)["truth"]] == [0, 0]
