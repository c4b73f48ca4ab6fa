"""Command lines: quick to answer, and every end is a word and an exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ivif.__main__ import GROUPS, group, main
from ivif.command_line import ended
from ivif.errors import IvifError
from ivif.spelling import did_you_mean, look_up

PEAK_AND_TIME = """
import re, resource, sys
from pathlib import Path
from ivif.__main__ import main
sys.argv = ["ivif", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
used = resource.getrusage(resource.RUSAGE_SELF)
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]  # ru_maxrss counts the parent's, too
print(used.ru_utime + used.ru_stime, int(peak) / 1024, "torch" in sys.modules, file=sys.stderr)
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is told by Linux")
@pytest.mark.parametrize(
    "words",
    [
        *([name, "--help"] for name in GROUPS),
        *(["benchmark", "list", what] for what in ("methods", "metrics", "datasets")),
        ["benchmark", "explain", "vif"],
        ["datasets", "list"],
        ["datasets", "show", "vifb"],
        ["--version"],
    ],
    ids=" ".join,
)
def test_what_only_tells_is_quick_and_small(words: list[str]) -> None:
    """A second of processor time and 150 MB at most; PyTorch alone takes more."""
    found = subprocess.run([sys.executable, "-c", PEAK_AND_TIME, *words], capture_output=True, text=True, check=True)
    seconds, megabytes, torch = found.stderr.split()
    assert found.stdout and float(seconds) < 1 and float(megabytes) < 150 and torch == "False"


def test_commands_of_the_benchmark_need_no_group(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ivif", "merge", "nowhere"])
    assert main() == 2 and "nowhere has no shards" in capsys.readouterr().err


@pytest.mark.parametrize("name", GROUPS)
def test_every_command_says_what_it_takes_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in group(name).commands:
        with pytest.raises(SystemExit) as end:
            group(name).main([command, "--help"])
        assert end.value.code == 0
        told = capsys.readouterr().out
        assert "examples:" in told and f" {name} {command}" in told.split("examples:")[1]


@pytest.mark.parametrize("name", GROUPS)
def test_examples_are_understood(name: str) -> None:
    """Every example's options exist."""
    for command in group(name).commands.values():
        for example in command.examples:
            options = group(name).parser().parse_args(example.replace("'", "").split())
            assert callable(options.command)


def _interrupt() -> int:
    raise KeyboardInterrupt


def _kill() -> int:
    os.kill(os.getpid(), signal.SIGTERM)
    return 0


def _refuse() -> int:
    raise IvifError("no such thing")


def _fill() -> int:
    raise OSError(28, "No space left on device", "scores.parquet")


@pytest.mark.parametrize(
    ("work", "code", "told"),
    [
        (lambda: 1, 1, ""),
        (_interrupt, 2, "interrupted; all is kept\n"),
        (_kill, 2, "stopped; all is kept\n"),
        (_refuse, 2, "error: no such thing\n"),
        (_fill, 2, "error: scores.parquet: No space left on device; make room or name another folder: all is kept\n"),
    ],
)
def test_every_end_is_a_word_and_a_code(
    work: Callable[[], int], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert ended(work, "all is kept") == code
    assert capsys.readouterr().err == told
    assert signal.getsignal(signal.SIGTERM) is before


def test_whoever_stops_reading_hears_nothing_more() -> None:
    command = [sys.executable, "-u", "-m", "ivif", "benchmark", "list", "metrics"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_misspelt_command_or_group() -> None:
    for words, told in ((["benchmrk"], "benchmark"), (["benchmark", "leaderbord"], "leaderboard")):
        found = subprocess.run([sys.executable, "-m", "ivif", *words], capture_output=True, text=True)
        assert found.returncode == 2 and f"did you mean {told}?" in found.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_knows_commands_and_options(shell: str) -> None:
    found = subprocess.run([sys.executable, "-m", "ivif", "completion", shell], capture_output=True, text=True)
    assert found.returncode == 0
    assert all(word in found.stdout for word in ("rts-evidence", "--dataset", "train-detector"))


def test_bash_takes_the_completion() -> None:
    script = 'eval "$("$0" -m ivif completion bash)"; complete -p ivif'
    found = subprocess.run(["bash", "-c", script, sys.executable], capture_output=True, text=True)
    assert found.returncode == 0 and "ivif" in found.stdout


KEYS = {"qabf": ("Qabf", "Edge-based quality"), "msssim": ("MS-SSIM", ""), "en": ("EN", "Entropy"), "nabf": ()}


@pytest.mark.parametrize(
    ("name", "key"),
    [("MS-SSIM", "msssim"), ("Q_abf", "qabf"), ("Q^{AB/F}", "qabf"), ("entropy", "en"), ("N_abf", "nabf"), ("q", None)],
)
def test_papers_spellings(name: str, key: str | None) -> None:
    assert look_up(name, KEYS) == key


def test_a_name_that_two_keys_share_means_neither() -> None:
    assert look_up("a-b", {"a_b": (), "ab": ()}) is None


def test_nearest_names() -> None:
    assert did_you_mean("lapalcian", ["laplacian", "average", "gff"]) == "did you mean laplacian?"
    assert did_you_mean("zzz", ["laplacian", "average"]) == ""
