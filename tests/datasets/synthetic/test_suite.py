"""The named suite: what it promises, and how it is loaded."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from ivif import datasets
from ivif.datasets import synthetic
from ivif.datasets.pairs import PairError
from ivif.datasets.synthetic import CHALLENGE, CONDITIONS, SUITES, suite
from ivif.datasets.synthetic.scene import SyntheticScene
from ivif.datasets.synthetic.suite import item_files, pair_items

FIRST_TWELVE = (
    "day", "dusk", "night", "glare", "fog", "smoke", "rain", "crossover", "overexposed", "crowd", "distractors",
    "misregistered",
)  # fmt: skip


def test_versions_are_what_their_names_promise() -> None:
    assert SUITES["challenge/v1"].conditions == FIRST_TWELVE
    assert SUITES["challenge/v2"] is CHALLENGE
    assert CHALLENGE.conditions == (*FIRST_TWELVE, "noon", "sultry", "muggy", "drizzle", "engines")
    assert set(CHALLENGE.conditions) <= set(CONDITIONS)
    assert set(suite.CHANGES) == {version.version for version in SUITES.values()}, "each version says what changed"
    items = CHALLENGE.items()
    assert len(items) == 17 * (8 + 24)
    assert len({item.name for item in items}) == len(items)
    scenes = {(item.condition, item.seed) for item in items}
    assert len({seed for _, seed in scenes}) == 17 * (8 + 1), "no two scenes share a seed"
    assert {item.condition for item in items if item.pan} == set(suite.PANNING)
    assert items[: 12 * (8 + 24)] == SUITES["challenge/v1"].items(), "the first version's scenes are still the same"


def test_the_fingerprint_depends_on_the_definition() -> None:
    assert CHALLENGE.fingerprint() == CHALLENGE.fingerprint()
    assert CHALLENGE.fingerprint() != replace(CHALLENGE, pairs=9).fingerprint()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SUITES, "challenge/v2", replace(CHALLENGE, pairs=1, sequence=1, size=(48, 36)))


@pytest.mark.usefixtures("small")
def test_load_renders_once_and_hashes_every_picture(tmp_path: Path) -> None:
    data = datasets.load("challenge", root=tmp_path)
    assert data.name == "challenge/v2"
    assert len(data) == 34 and {pair.tags[0] for pair in data} == set(CHALLENGE.conditions)
    (folder,) = tmp_path.iterdir()
    manifest = json.loads((folder / "suite.json").read_text())
    assert manifest["fingerprint"][:16] == folder.name.rpartition("-")[2]
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert len(manifest["sha256"]) == 68
    again = datasets.load("challenge/v2", root=tmp_path)
    assert [pair.fingerprint() for pair in again] == [pair.fingerprint() for pair in data]


@pytest.mark.usefixtures("small")
def test_some_conditions_alone(tmp_path: Path) -> None:
    data = datasets.load("challenge", root=tmp_path, conditions=("fog", "night"))
    assert [pair.name for pair in data] == ["night-00", "walk-night-000", "fog-00", "walk-fog-000"]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("challenge/v9", {}, "no suite challenge/v9; there is challenge/v1, challenge/v2"),
        ("challenge", {"conditions": ["snow"]}, "no condition snow; it has day, dusk"),
        ("challenge", {"split": "test"}, "challenge has no option split; it has version, conditions, cache, jobs"),
    ],
)
def test_refusals(name: str, options: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(PairError, match=words):
        datasets.load(name, root=tmp_path, **options)


def test_the_default_set_is_an_excerpt() -> None:
    excerpt = suite.pair_items(suite.EXCERPT, 24, 0)
    for condition in suite.EXCERPT_SEQUENCES:
        excerpt += suite.sequence_items(condition, 10, 0)
    assert set(excerpt) <= set(CHALLENGE.items())
    assert len({item.condition for item in excerpt}) == 12


class TestSuite:
    PARAMETERS: ClassVar = {"pairs": 3, "sequence": 2, "size": (96, 72)}

    def test_names_tags_and_content(self, tmp_path: Path) -> None:
        suite = synthetic.synthetic_dataset(**self.PARAMETERS, cache=tmp_path)  # type: ignore[arg-type]
        assert suite.name == "synthetic"
        assert [pair.name for pair in suite][:3] == ["noon-00", "night-00", "muggy-00"]
        walks = ["walk-noon-000", "walk-noon-001", "walk-night-000", "walk-night-001"]
        assert [pair.name for pair in suite][3:] == walks
        assert [pair.tags[0] for pair in suite] == ["noon", "night", "muggy", "noon", "noon", "night", "night"]
        assert [(pair.sequence, pair.frame) for pair in suite][2:4] == [(None, None), ("walk-noon", 0)]
        infrared, visible = suite[1].read()
        assert infrared.shape == (1, 72, 96) and visible.shape == (3, 72, 96)
        expected = synthetic.render_pair(pair_items(("night",), 1, 0)[0].seed, "night", (96, 72))
        assert torch.equal(visible, expected.visible)
        np.testing.assert_array_equal(suite[1].boxes.xyxy, expected.boxes.xyxy)  # type: ignore[union-attr]
        np.testing.assert_array_equal(suite[1].boxes.ignore, expected.boxes.ignore)  # type: ignore[union-attr]

    def test_the_second_call_only_reads(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = synthetic.synthetic_dataset(**self.PARAMETERS, cache=tmp_path)  # type: ignore[arg-type]
        monkeypatch.setattr(SyntheticScene, "__init__", lambda *_: pytest.fail("rendered again"))
        second = synthetic.synthetic_dataset(**self.PARAMETERS, cache=tmp_path)  # type: ignore[arg-type]
        assert [pair.fingerprint() for pair in first] == [pair.fingerprint() for pair in second]

    def test_an_interrupted_rendering_is_completed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        render, calls = SyntheticScene.render, []

        def interrupted(self: SyntheticScene, *arguments: int) -> synthetic.Rendered:
            calls.append(self.condition.name)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return render(self, *arguments)

        monkeypatch.setattr(SyntheticScene, "render", interrupted)
        with pytest.raises(KeyboardInterrupt):
            synthetic.synthetic_dataset(**self.PARAMETERS, cache=tmp_path)  # type: ignore[arg-type]
        (folder,) = tmp_path.iterdir()
        # What a killed process leaves: a temporary file, and a pair without its labels.
        (folder / "visible" / ".night-00.png.1-0.part").write_bytes(b"half")
        (folder / "labels" / "noon-00.txt").unlink()
        calls[:] = [""] * 3
        suite = synthetic.synthetic_dataset(**self.PARAMETERS, cache=tmp_path)  # type: ignore[arg-type]
        assert calls[3:] == ["noon", "muggy", "noon", "noon", "night", "night"]
        whole = synthetic.synthetic_dataset(**self.PARAMETERS, cache=tmp_path / "other")  # type: ignore[arg-type]
        assert [pair.fingerprint() for pair in suite] == [pair.fingerprint() for pair in whole]
        for mine, other in zip(suite, whole, strict=True):
            np.testing.assert_array_equal(mine.boxes.xyxy, other.boxes.xyxy)  # type: ignore[union-attr]

    def test_processes_side_by_side_write_the_same_as_this_one(self, tmp_path: Path) -> None:
        code = (
            "import sys; from pathlib import Path; from datasets.synthetic import synthetic_dataset\n"
            "suite = synthetic_dataset(2, 1, (96, 72), cache=Path(sys.argv[1]))\n"
            "print([pair.fingerprint() for pair in suite])"
        )
        root = Path(synthetic.__file__).parents[2]
        command = [sys.executable, "-c", code, str(tmp_path)]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) for _ in range(2)]
        said = [process.communicate()[0] for process in running]
        assert [process.returncode for process in running] == [0, 0]
        suite = synthetic.synthetic_dataset(2, 1, (96, 72), cache=tmp_path / "own")
        assert said == [f"{[pair.fingerprint() for pair in suite]}\n"] * 2

    def test_other_parameters_get_other_folders(self, tmp_path: Path) -> None:
        synthetic.synthetic_dataset(1, 0, (96, 72), 0, tmp_path)
        synthetic.synthetic_dataset(1, 0, (96, 72), 1, tmp_path)
        synthetic.synthetic_dataset(1, 0, (64, 72), 1, tmp_path)
        assert len(list(tmp_path.iterdir())) == 3


def test_items_have_three_files(tmp_path: Path) -> None:
    (item,) = pair_items(("day",), 1, 0)
    assert {path.parent.name for path in item_files(tmp_path, item)} == {"infrared", "visible", "labels"}


def test_whatever_renders_is_in_the_identity(tmp_path: Path, assert_reached: Callable[..., None]) -> None:
    def render() -> None:
        for item in (*suite.pair_items(("day", "night", "rain"), 3, 0), *suite.sequence_items("dusk", 1, 0)):
            suite.write_pair(tmp_path / "suite", item, suite.render_item(item, (80, 60)))

    suite.forget()
    assert_reached((suite.pair_items, suite.sequence_items, suite.render_item, suite.write_pair), render, "suite")
