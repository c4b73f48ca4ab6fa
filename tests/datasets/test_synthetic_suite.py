"""The named suite: what it promises, and how it is loaded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

import datasets
from datasets.pairs import PairError
from datasets.synthetic import CHALLENGE, CONDITIONS, SUITES, suite


def test_challenge_v1_is_what_its_name_promises() -> None:
    assert SUITES["challenge/v1"] is CHALLENGE
    assert CHALLENGE.conditions == (
        "day", "dusk", "night", "glare", "fog", "smoke", "rain", "crossover", "overexposed", "crowd", "distractors",
        "misregistered",
    )  # fmt: skip
    assert set(CHALLENGE.conditions) <= set(CONDITIONS)
    items = CHALLENGE.items()
    assert len(items) == 12 * (8 + 24)
    assert len({item.name for item in items}) == len(items)
    scenes = {(item.condition, item.seed) for item in items}
    assert len({seed for _, seed in scenes}) == 12 * (8 + 1), "no two scenes share a seed"
    assert {item.condition for item in items if item.pan} == set(suite.PANNING)


def test_the_fingerprint_depends_on_the_definition() -> None:
    assert CHALLENGE.fingerprint() == CHALLENGE.fingerprint()
    assert CHALLENGE.fingerprint() != replace(CHALLENGE, pairs=9).fingerprint()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SUITES, "challenge/v1", replace(CHALLENGE, pairs=1, sequence=1, size=(48, 36)))


@pytest.mark.usefixtures("small")
def test_load_renders_once_and_hashes_every_picture(tmp_path: Path) -> None:
    data = datasets.load("challenge", root=tmp_path)
    assert data.name == "challenge/v1"
    assert len(data) == 24 and {pair.tags[0] for pair in data} == set(CHALLENGE.conditions)
    (folder,) = tmp_path.iterdir()
    manifest = json.loads((folder / "suite.json").read_text())
    assert manifest["fingerprint"][:16] == folder.name.rpartition("-")[2]
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert len(manifest["sha256"]) == 48
    again = datasets.load("challenge/v1", root=tmp_path)
    assert [pair.fingerprint() for pair in again] == [pair.fingerprint() for pair in data]


@pytest.mark.usefixtures("small")
def test_some_conditions_alone(tmp_path: Path) -> None:
    data = datasets.load("challenge", root=tmp_path, conditions=("fog", "night"))
    assert [pair.name for pair in data] == ["night-00", "walk-night-000", "fog-00", "walk-fog-000"]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("challenge/v9", {}, "no suite challenge/v9; there is challenge/v1"),
        ("challenge", {"conditions": ["snow"]}, "no condition snow; it has day, dusk"),
        ("challenge", {"split": "test"}, "challenge has no option split; it has version, conditions, cache"),
    ],
)
def test_refusals(name: str, options: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(PairError, match=words):
        datasets.load(name, root=tmp_path, **options)


def test_the_default_set_is_an_excerpt() -> None:
    excerpt = suite.pair_items(CHALLENGE.conditions, 24, 0) + suite.sequence_items("night", 12, 0)
    assert set(excerpt) <= set(CHALLENGE.items())
