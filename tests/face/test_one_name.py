"""One name: in a checkout and installed, everything is below `ivif`, and nothing exists twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python(code: str, cwd: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.check_output([sys.executable, "-c", code], cwd=cwd, env=environment, text=True)


@pytest.mark.parametrize(
    "order", ["import fusion.method, ivif.fusion.method", "import ivif.fusion.method, fusion.method"]
)
def test_the_folder_at_the_top_is_the_package_below(order: str) -> None:
    code = f"import ivif\n{order}\nimport fusion, ivif.fusion\n"
    code += "print(fusion is ivif.fusion, fusion.method.FusionMethod is ivif.fusion.method.FusionMethod)"
    assert python(code, ROOT).split() == ["True", "True"]


def test_packages_of_others_with_our_names_stay_what_they_are(tmp_path: Path) -> None:
    for name in ("datasets", "fusion"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("theirs = True\n")
    for order in ("import datasets, ivif.datasets", "import ivif.datasets, datasets"):
        code = f"import fusion\n{order}\nprint(datasets.theirs, fusion.theirs, len(ivif.datasets.names()) > 3)"
        assert python(code, tmp_path).split() == ["True"] * 3


@pytest.mark.parametrize("group", ["benchmark", "fusion", "downstream", "datasets"])
def test_groups_of_commands(group: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "ivif", group, "--help"]
    assert "usage" in subprocess.check_output(command, cwd=tmp_path, env=environment, text=True)
    again = [sys.executable, "-m", group, "--help"]
    assert "usage" in subprocess.check_output(again, cwd=ROOT, env=environment, text=True)


def test_what_is_no_group(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "ivif", "measure"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 2 and "no group 'measure'" in done.stderr and "benchmark" in done.stderr
