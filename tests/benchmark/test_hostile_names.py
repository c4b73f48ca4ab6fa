"""Names that would do harm where they are shown: formulas, markup, LaTeX commands, ways out of a folder."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from ivif.benchmark.cli import main
from ivif.benchmark.run_directory import Run
from ivif.datasets.csv_cells import plain_cell
from ivif.datasets.files import file_name

FORMULA = "@SUM(1+1)*cmd|' /C calc'!A0"
MINUS = "-2+3+cmd|' /C calc'!D2"
MARKUP = "<script>alert(1)</script>"
LATEX = r"\input{x}\write18{id}"
UPWARDS = "../../../above"
NAMES = (FORMULA, MINUS, MARKUP, LATEX, UPWARDS)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of results, called as badly as can be, on two pairs called no better."""
    import torch

    from ivif.datasets.images import write_png

    folder = tmp_path_factory.mktemp("x" * 10) / "deep" / "data"
    for number, pair in enumerate(("=1+1", "<b>&amp;")):
        for place in ("infrared", "visible", *(f"m{index}" for index in range(len(NAMES)))):
            values = (torch.arange(48 * 48) * (number + 3) % 251).reshape(1, 48, 48)
            write_png(folder / place / f"{pair}.png", ((values + len(place)) % 256).to(torch.uint8))
    fused = [word for index, name in enumerate(NAMES) for word in ("--fused", f"{name}={folder / f'm{index}'}")]
    own = ["--infrared", str(folder / "infrared"), "--visible", str(folder / "visible"), "--metrics", "en,sd"]
    code = main(["run", *own, *fused, "--jobs", "1", "--out", str(folder.parent / "run")])
    assert code == 0
    return folder.parent / "run"


def test_no_cell_of_a_csv_file_is_a_formula(run: Path) -> None:
    rows = list(csv.reader(io.StringIO((run / "leaderboard.csv").read_text())))
    found = [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@", "\t")]
    assert found == [] and [f"'{FORMULA}"] == [row[1] for row in rows if FORMULA in row[1]]
    for text in ("=A1", "+A1", "-A1", "@A1", "\tA1", "\r=A1", "-1-1"):
        assert plain_cell(text) == f"'{text}"
    for value in ("-1", "-1e-5", "-", "", "sdnet+rts", -1.5, None):
        assert plain_cell(value) == value


def test_no_cell_of_an_excel_file_is_a_formula(run: Path, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    assert main(["leaderboard", str(run), "--format", "xlsx", "-o", str(tmp_path / "table.xlsx")]) == 0
    cells = [cell for sheet in openpyxl.load_workbook(tmp_path / "table.xlsx") for row in sheet for cell in row]
    assert FORMULA in [cell.value for cell in cells] and "f" not in {cell.data_type for cell in cells}


def test_markup_is_shown_not_done(run: Path) -> None:
    page = (run / "report.html").read_text()
    plain = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    assert MARKUP not in plain and "<b>&amp;" not in plain
    for block in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL):
        json.loads(block)
        assert "<" not in block  # so that no name can end the block
    assert MARKUP not in (run / "leaderboard.md").read_text()


def test_latex_says_names_and_does_nothing(run: Path) -> None:
    text = (run / "leaderboard.tex").read_text()
    assert r"\input{" not in text and r"\write18" not in text and r"\textbackslash{}input\{x\}" in text


def test_nothing_is_written_outside_the_run(run: Path) -> None:
    """Scores of a method that is called like a way upwards stay in the run's directory."""
    assert {path.name for path in run.parent.iterdir()} == {"run", "data"}
    assert not any(path.name.startswith("above") for path in run.parents[2].rglob("*"))
    assert UPWARDS in Run(run).methods and "/" not in file_name(UPWARDS)


def test_pickles_are_refused_through_every_option_that_takes_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folders: Path
) -> None:
    """The pickle would make a file if it were read as Python reads pickles."""
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str, ...]]:
            return open, (str(tmp_path / "done"), "w")

    file = tmp_path / "evil.pth"
    file.write_bytes(pickle.dumps({"weight": Evil()}))
    own = ["--infrared", str(folders / "infrared"), "--visible", str(folders / "visible")]
    from ivif.fusion.cli import main as fusion

    assert main(["run", *own, "--method", f"sdnet+mine={file}", "--out", str(tmp_path / "run")]) == 2
    assert fusion(["fuse", "--method", f"sdnet+mine={file}", *own, "-o", str(tmp_path / "out")]) == 2
    assert fusion(["weights", "convert", "sdnet", str(file), "-o", str(tmp_path / "w.safetensors")]) == 2
    assert capsys.readouterr().err.count("evil.pth") >= 3 and not (tmp_path / "done").exists()
