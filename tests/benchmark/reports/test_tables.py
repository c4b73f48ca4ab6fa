"""Leaderboards worked out on paper."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from ivif.benchmark.config import ConfigError, RunConfig
from ivif.benchmark.reports.decimals import decimals, fixed
from ivif.benchmark.reports.escaping import escape_latex, escape_markdown
from ivif.benchmark.reports.tables import leaderboard_text, render
from ivif.benchmark.run_directory import Run
from ivif.benchmark.running.runner import run as measure
from ivif.benchmark.store import Row, Store, StoreError
from ivif.datasets.images import write_png
from ivif.datasets.pairs import PairDataset

VALUES = {
    ("alpha", "en"): [6.0, 7.0, 8.0],
    ("alpha", "vif"): [0.5, 0.7, 0.6],
    ("beta_2", "en"): [5.0, 5.0, 5.0],
    ("beta_2", "vif"): [0.9, 0.9, None],
    ("gamma", "en"): [7.0, 7.0, 7.0],
    ("gamma", "vif"): [0.1, 0.2, 0.3],
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory with three methods, two metrics, three images, one failure and one flag."""
    config = {"out": str(tmp_path), "metrics": ["en", "vif"]}
    description = {
        "config": config,
        "datasets": {"tno": {"pairs": ["pair0", "pair1", "pair2"]}},
        "methods": dict.fromkeys(["alpha", "beta_2", "gamma"]),
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(description))
    rows = []
    for (method, metric), values in VALUES.items():
        for number, value in enumerate(values):
            flagged = (method, metric, number) == ("gamma", "vif", 1)
            status = "failed" if value is None else "flagged" if flagged else "ok"
            rows.append(Row("tno", method, f"pair{number}", metric, value, status, "because"))
    rows.append(Row("tno", "left over from an earlier run", "pair0", "en", 9.0, "ok"))
    store = Store(tmp_path)
    store.append(rows)
    return tmp_path


def test_means_ranks_and_counts(run: Path) -> None:
    (board,) = Run(run).leaderboards()
    lines = {line.method: line for line in board.lines}
    assert set(lines) == {"alpha", "beta_2", "gamma"}
    assert [cell.mean for cell in lines["alpha"].cells] == pytest.approx([7.0, 0.6])
    assert [cell.count for cell in lines["beta_2"].cells] == [3, 2]
    assert lines["beta_2"].cells[1].mean == pytest.approx(0.9)
    # beta_2 lacks an image, so it has no rank; en: alpha and gamma tie at 7 (shared 1.5); vif: alpha 1, gamma 2
    assert [lines[name].rank for name in ("alpha", "beta_2", "gamma")] == [1.25, None, 1.75]
    assert [line.method for line in board.lines] == ["alpha", "gamma", "beta_2"]
    assert [lines[name].failed for name in ("alpha", "beta_2", "gamma")] == [0, 1, 0]
    assert [lines[name].flagged for name in ("alpha", "beta_2", "gamma")] == [0, 0, 1]


def test_every_format_says_the_same(run: Path) -> None:
    boards = Run(run).leaderboards()
    terminal, markdown, latex = (render(boards, form) for form in ("terminal", "md", "tex"))
    assert "7.00*" in terminal and "0.900 (2/3) " in terminal and "0.600*" in terminal
    assert "| 0.900 (2/3) |" in markdown and "**0.600**" in markdown and "EN ↑" in markdown
    assert r"\textbf{7.00}" in latex and r"beta\_2" in latex and r"VIF $\uparrow$" in latex
    assert all(latex.count(rf"\{rule}rule") == 1 for rule in ("top", "mid", "bottom"))
    rows = list(csv.DictReader(io.StringIO(render(boards, "csv"))))
    assert [row["method"] for row in rows] == ["alpha", "gamma", "beta_2"]
    assert float(rows[2]["vif"]) == pytest.approx(0.9) and rows[2]["vif_images"] == "2"
    for text in (terminal, markdown):
        assert "No rank for what lacks images that others have: beta_2 (2 of 3); --common compares" in text


def test_methods_can_be_compared_on_the_images_that_all_have(run: Path) -> None:
    """Of pair0 and pair1: en 6.5, 5, 7 and vif 0.6, 0.9, 0.15, so that alpha has ranks 2 and 2, beta_2 3 and 1."""
    (board,) = Run(run).leaderboards(common=True)
    assert (board.images, board.left_out) == (2, 1)
    lines = {line.method: line for line in board.lines}
    assert [cell.mean for cell in lines["alpha"].cells] == pytest.approx([6.5, 0.6])
    assert [lines[name].rank for name in ("alpha", "beta_2", "gamma")] == [2.0, 2.0, 2.0]
    assert "mean over 2 images of 3 that all methods have" in render([board], "terminal")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("[12] U2Fusion", "{[}12{]} U2Fusion &"), ("*best*", r"\textasteriskcentered{}best\textasteriskcentered{} &")],
)
def test_names_are_no_arguments_of_latex(run: Path, name: str, shown: str) -> None:
    """After a line's end LaTeX takes a bracket for the space to leave and a star for a command's form."""
    description = yaml.safe_load((run / "run.yaml").read_text())
    description["methods"] = {name: None}
    (run / "run.yaml").write_text(yaml.safe_dump(description))
    assert f"\n{shown}" in render(Run(run).leaderboards(), "tex")


def test_a_method_without_any_number_is_listed_last_without_rank(run: Path) -> None:
    description = yaml.safe_load((run / "run.yaml").read_text())
    description["methods"] = {"absent": None, **description["methods"]}
    (run / "run.yaml").write_text(yaml.safe_dump(description))
    last = Run(run).leaderboards()[0].lines[-1]
    assert (last.method, last.rank, last.failed) == ("absent", None, 3)


def test_a_folder_without_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no run directory"):
        Run(tmp_path).leaderboards()


def test_names_and_infinite_values_survive_every_format(run: Path) -> None:
    description = yaml.safe_load((run / "run.yaml").read_text())
    description["methods"]["my 5%#1"] = None
    (run / "run.yaml").write_text(yaml.safe_dump(description))
    rows = [
        Row("tno", "my 5%#1", f"pair{number}", "en", value, "ok") for number, value in enumerate((1.0, float("inf")))
    ]
    Store(run).append(rows)
    boards = Run(run).leaderboards()
    assert r"my 5\%\#1" in render(boards, "tex")
    assert "inf (2/3)" in render(boards, "terminal")


def test_damaged_scores_say_what_to_delete(run: Path) -> None:
    Store(run).compact()
    path = run / "scores" / "tno" / "alpha.parquet"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(StoreError, match=r"alpha.parquet is damaged; delete it"):
        Run(run).leaderboards()


def test_briefly_trained_methods_are_marked_in_every_format(run: Path) -> None:
    """A share below 1 makes the mark; a whole one, and none, as in runs of before, do not."""
    description = yaml.safe_load((run / "run.yaml").read_text())
    description["methods"]["beta_2"] = {"sha256": "0", "share_of_published_training": 0.005083}
    description["methods"]["gamma"] = {"sha256": "0", "share_of_published_training": 1.0}
    (run / "run.yaml").write_text(yaml.safe_dump(description))
    boards = Run(run).leaderboards()
    terminal, markdown, latex = (render(boards, form) for form in ("terminal", "md", "tex"))
    note = "weights trained with this project for a share of the published training (pixels seen): beta_2 0.5 %; "
    for text in (terminal, markdown):
        assert "beta_2 † " in text and f"† {note}NAME+published are the authors'." in " ".join(text.split())
        assert text.count("†") == 2
    assert r"beta\_2 $^\dagger$ &" in latex and r"seen): beta\_2 0.5 \%; NAME" in latex
    assert latex.index(r"\end{tabular}") < latex.index(r"\par\smallskip{\footnotesize $^\dagger$ weights")
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(render(boards, "csv")))}
    shares = {name: row["share_of_published_training"] for name, row in rows.items()}
    assert shares == {"alpha": "", "beta_2": "0.005083", "gamma": "1.0"}


def test_runs_that_recorded_no_share_have_no_mark(run: Path) -> None:
    boards = Run(run).leaderboards()
    texts = [render(boards, form) for form in ("terminal", "md", "tex")]
    assert not any(mark in text for text in texts for mark in ("dagger", "†"))


def test_names_are_right_in_every_format() -> None:
    name = r"a_b % & # | * [x] <i> \\ ~ ^ $ {} _c_"
    assert escape_markdown("my_net|*[x]<b>#_c_") == r"my_net\|\*\[x\]\<b\>\#\_c\_"
    assert escape_latex("a_b%&#|*[x]<>") == (
        r"a\_b\%\&\#\textbar{}\textasteriskcentered{}{[}x{]}\textless{}\textgreater{}"
    )
    assert not set(escape_latex(name).replace("\\textbackslash{}", "")) & set("<>|*~^")


def test_decimals_are_those_of_papers() -> None:
    """Three significant digits of the median, two decimals at least, one from 100 on."""
    examples = {(59.4176, 39.2): 2, (6.93, 7.2): 2, (0.7457, 0.61): 3, (0.0045, 0.02, 0.004): 5, (911.3, 1473.0): 1}
    assert {values: decimals(values) for values in examples} == examples
    assert (fixed(-0.0001, 2), fixed(-0.5, 1), fixed(None, 3)) == ("0.00", "-0.5", "-")


def test_terminal_tables_are_not_wider_than_a_terminal(run: Path) -> None:
    description = yaml.safe_load((run / "run.yaml").read_text())
    description["config"]["metrics"] = [
        "en",
        "vif",
        "mi",
        "nmi",
        "qncie",
        "sd",
        "sf",
        "ag",
        "ei",
        "scd",
        "cc",
        "qabf",
        "ssim",
    ]
    (run / "run.yaml").write_text(yaml.safe_dump(description))
    text = leaderboard_text(Run(run), "terminal")
    assert max(map(len, text.splitlines())) <= 120
    assert text.count("\nmethod ") == 2 and all(f" {label} " in text for label in ("EN ↑", "SSIM ↑", "failed"))


def test_ties_and_what_to_know_first_stand_with_the_table(tmp_path: Path) -> None:
    """30 pairs on which six methods always stand in the same order: a critical difference of 1.38."""
    pairs, methods = [f"pair{number}" for number in range(30)], list("abcdef")
    config = {"out": str(tmp_path), "metrics": ["en"]}
    description = {"config": config, "datasets": {"tno": {"pairs": pairs}}, "methods": dict.fromkeys(methods)}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(description))
    Store(tmp_path).append(
        Row("tno", method, pair, "en", 7.0 - place, "ok") for pair in pairs for place, method in enumerate(methods)
    )
    text = leaderboard_text(Run(tmp_path), "terminal")
    first = "On tno (30 pairs), a has the best mean rank (1.00), but cannot be told from b; 4 others are significantly"
    assert " ".join(text.split()).startswith(first)
    rows = [line.split() for line in text.splitlines() if line[:1] in methods and line[1:2] == " "]
    assert [row[2] for row in rows] == ["a", "ab", "bc", "cd", "de", "e"]


def test_a_picture_that_stands_for_all_pairs_is_told(
    tmp_path: Path, smooth_pairs: Callable[[int, int], PairDataset]
) -> None:
    data = smooth_pairs(3, 24)
    for pair in data:
        write_png(tmp_path / f"same/{pair.name}.png", data[0].infrared.read())
        write_png(tmp_path / f"own/{pair.name}.png", pair.infrared.read())
    fused = [f"{name}={tmp_path / name}" for name in ("same", "own")]
    sources = {"infrared": tmp_path / "infrared", "visible": tmp_path / "visible"}
    measure(RunConfig(out=tmp_path / "run", **sources, fused=fused, metrics=["en"], jobs=1))
    text = " ".join(leaderboard_text(Run(tmp_path / "run"), "terminal").split())
    assert "One and the same picture stands for all pairs of same: are these the right files?" in text
