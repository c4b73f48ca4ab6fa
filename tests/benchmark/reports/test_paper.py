"""Tables for papers and other programs, from scores written by hand."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest
import yaml

import ivif
from ivif.benchmark.cli import main
from ivif.benchmark.reports.opening import judged
from ivif.benchmark.reports.paper import TableChoice
from ivif.benchmark.reports.tables import leaderboard_text
from ivif.benchmark.run_directory import Run
from ivif.benchmark.store import Row, Store

NAMES = ["laplacian", r"a_b % & # | * [x] <i> ~ ^ $ {}", "=1+1", "sdnet"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Ten pairs of two data sets; by en the first method is best and all others differ, by sd two are the same."""
    pairs = [f"pair{number}" for number in range(10)]
    config = {"out": str(tmp_path), "metrics": ["en", "sd", "sd@uint8sat", "nabf"]}
    sets = {"tno": {"pairs": pairs, "split": "abcdef0123"}, "vifb_2": {"pairs": pairs}}
    description = {"config": config, "datasets": sets, "methods": dict.fromkeys(NAMES)}
    description["methods"]["sdnet"] = {"share_of_published_training": 0.01}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(description))
    Store(tmp_path).append(
        Row(dataset, name, pair, key, scale * (7 - place) + number / 100, "ok")
        for dataset in sets
        for number, pair in enumerate(pairs)
        for place, name in enumerate(NAMES)
        for key, scale in (("en", 1), ("sd", 10), ("sd@uint8sat", 1), ("nabf", 0.001))
    )
    return Run(tmp_path)


def test_a_table_holds_what_was_chosen(run: Run) -> None:
    choice = TableChoice(("nabf", "en"), ("sdnet", "laplacian"), {"laplacian": "LP & co"}, 1, "Mine.", together=True)
    text = leaderboard_text(run, "tex", choice)
    assert text.count(r"\begin{tabular}{lrr}") == 1 and r"\caption{Mine.}" in text and "Rank" not in text
    assert r"Method & Nabf $\downarrow$ & EN $\uparrow$ \\" in text
    assert text.index("sdnet") < text.index(r"LP \& co & \underline{0.1} & \textbf{7.0}") and "a\\_b" not in text
    assert r"{\textbf{tno, 10 pairs}}" in text and r"{\textbf{vifb\_2, 10 pairs}}" in text


def test_the_caption_says_what_the_numbers_are(run: Run) -> None:
    first, second = leaderboard_text(run, "tex").split(r"\end{table*}")[:2]
    assert r"Means over tno, 10 pairs (split \texttt{abcdef01})." in first and "EN in bit; SD, " in first
    assert "Definitions other than the default: sd@uint8sat." in first
    assert r"\label{tab:vifb2}" in second and r"\textit{pyramid}" in second and r"\textit{made elsewhere}" in second


def test_wide_tables_are_split_between_families(run: Run) -> None:
    text = leaderboard_text(run, "tex", TableChoice(most=2))
    parts = text.split(r"\end{table*}")[0].split(r"\begin{tabular}")[1:]
    assert len(parts) == 3 and all(part.count("Rank") == (number == 0) for number, part in enumerate(parts))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="LaTeX is not installed")
def test_latex_sets_the_tables(run: Run, tmp_path: Path) -> None:
    start = r"\documentclass{article}\usepackage{booktabs}\begin{document}"
    (tmp_path / "paper.tex").write_text(f"{start}\n{leaderboard_text(run, 'tex')}\n\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]


def test_json_and_data_frames_hold_full_precision(run: Run) -> None:
    content = json.loads(leaderboard_text(run, "json"))
    rows = {row["method"]: row for row in content["rows"] if row["dataset"] == "tno"}
    assert set(rows) == set(NAMES) and rows["laplacian"]["en"] == pytest.approx(7.045)
    assert rows["laplacian"]["en_low"] < 7.045 < rows["laplacian"]["en_high"]
    assert not rows["sdnet"]["en_tied"] and rows["laplacian"]["en_tied"]
    assert content["opening"]["tno"][0].startswith("On tno (10 pairs)")
    frame = ivif.leaderboard(run, "frame")
    assert list(frame["method"]) == [row["method"] for row in content["rows"]]


def test_excel_files(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "table.xlsx"
    assert main(["leaderboard", str(run.folder), "--format", "xlsx", "--out", str(out)]) == 0
    book = openpyxl.load_workbook(io.BytesIO(out.read_bytes()))
    assert book.sheetnames == ["tno", "vifb_2"]
    rows = list(book["tno"].iter_rows(values_only=True))
    assert {row[1] for row in rows[1:]} == set(NAMES)
    assert [cell.data_type for cell in book["tno"]["B"] if cell.value == "=1+1"] == ["s"]
    assert main(["leaderboard", str(run.folder), "--format", "xlsx"]) == 2


def test_options_reach_the_table(run: Run, tmp_path: Path) -> None:
    words = [
        "--format",
        "tex",
        "--columns",
        "en",
        "--name",
        "laplacian=LP",
        "--decimals",
        "0",
        "-o",
        str(tmp_path / "t.tex"),
    ]
    assert main(["leaderboard", str(run.folder), *words]) == 0
    assert r"LP & \textbf{7} \\" in (tmp_path / "t.tex").read_text()
    assert main(["leaderboard", str(run.folder), "--format", "tex", "--method", "none"]) == 2


def test_judgements_know_the_split(run: Run) -> None:
    assert [own.split for own in judged(run)] == ["abcdef0123", ""]
