"""The README as a newcomer follows it: its commands from top to bottom, its Python, its links."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ivif.benchmark.run_directory import Run

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
START = README.index("## Five minutes")
"""What stands before sets up an environment; the main job in it is `tox -e demo`."""

_STEP = re.compile(r"```python\n(?P<code>(?:.*\n)*?)```|^ {4}(?P<command>python (?:.*\\\n)*.*)$", re.MULTILINE)


def steps() -> list[tuple[str, list[str]]]:
    """Code and commands in their order: ``("code", [text])`` and ``("command", words)``."""
    found = []
    for step in _STEP.finditer(README, START):
        if step["code"]:
            found.append(("code", [step["code"]]))
        else:
            typed = re.sub(r"\\\n +", "", step["command"])
            found.append(("command", shlex.split(re.sub(r" {3,}\S.*$", "", typed))))
    return found


def test_every_step_succeeds_and_none_spoils_another(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    def run(*words: str) -> None:
        found = subprocess.run([sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert found.returncode == 0, f"{' '.join(words)}\n{found.stdout}\n{found.stderr}"

    for kind, words in steps():
        if kind == "command":
            run(*words[1:])
        elif name := re.match(r"# (\w+\.py)\n", words[0]):
            (tmp_path / name[1]).write_text(words[0])
        else:
            run("-c", words[0])
    street = Run(tmp_path / "runs" / "street")
    assert street.methods == ("average", "gff", "sdnet+rts", "Mine", "adf", "mine", "mynet:MyNet")
    assert {row.status for row in street.rows()} <= {"ok", "flagged"}
    assert Run(tmp_path / "runs" / "python").methods == ("gff", "Mine")


def test_the_steps_are_found() -> None:
    kinds = [kind for kind, _ in steps()]
    assert kinds.count("code") == README[START:].count("```python") == 3
    assert kinds.count("command") == len(re.findall(r"^ {4}python ", README[START:], re.MULTILINE))


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).is_file()


def test_it_is_short() -> None:
    assert len(README.splitlines()) < 150
