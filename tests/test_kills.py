"""Work that is killed at random moments and resumed ends as undisturbed work; ``tests/kills.py`` kills more."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
def test_killed_work_ends_as_undisturbed_work_does():
    command = [sys.executable, str(Path(__file__).with_name("kills.py")), "--kills", "6", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.count("1 kills") == 6
