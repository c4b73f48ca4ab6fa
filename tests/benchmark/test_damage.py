"""Damaged run directories: every file of a run is refused by name, or read as it was; no number changes in silence."""

import contextlib
import copy
import json

import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivif.benchmark.config import ConfigError, RunConfig, read_config
from ivif.benchmark.people import PeopleBoard, PeopleEntry, read_people, write_people
from ivif.benchmark.reports.tables import render
from ivif.benchmark.run_directory import Run
from ivif.benchmark.running.runner import run
from ivif.benchmark.store import Row, Store, StoreError
from ivif.datasets.images import write_png
from ivif.errors import IvifError

ROWS = [
    Row("night", method, f"{number:02d}", metric, number / 7 + len(method), "ok", seconds=0.5, made_by="abc")
    for method in ("average", "gff")
    for number in range(8)
    for metric in ("en", "sd")
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of two pairs and one method."""
    root = tmp_path_factory.mktemp("scenes")
    generator = torch.Generator().manual_seed(0)
    for band in ("infrared", "visible"):
        for number in range(2):
            picture = torch.randint(0, 256, (1, 32, 40), generator=generator, dtype=torch.uint8)
            write_png(root / band / f"{number}.png", picture)
    config = RunConfig(
        out=root / "run",
        infrared=root / "infrared",
        visible=root / "visible",
        methods=["average"],
        metrics=["en"],
        jobs=1,
    )
    run(config)
    return root / "run"


def damages(node, path=()):
    """Ways to damage a tree of plain values: every part taken away, or made of another kind."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*path, key), "take away"
            yield from damages(value, (*path, key))
    yield from ((path, other) for other in ([], {}, "text", 7, float("inf"), None, [[1]], {"a": {"b": 1}}))


def damaged(content, path, other):
    result = copy.deepcopy(content)
    if not path:
        return other
    place = result
    for key in path[:-1]:
        place = place[key]
    if other == "take away":
        del place[path[-1]]
    else:
        place[path[-1]] = other
    return result


def test_every_part_of_a_description_may_be_missing_or_of_another_kind(made, tmp_path):
    """Parts that nobody reads again may be anything; the others are refused by the file's name."""
    content = yaml.safe_load((made / "run.yaml").read_text())
    before = render(Run(made).leaderboards(), "csv")
    refused = tried = 0
    (tmp_path / "scores").symlink_to(made / "scores")
    for path, other in damages(content):
        (tmp_path / "run.yaml").write_text(yaml.safe_dump(damaged(content, path, other)))
        tried += 1
        try:
            Run(tmp_path).leaderboards()
        except ConfigError as error:
            assert str(tmp_path) in str(error)
            refused += 1
        except IvifError:
            refused += 1
    assert tried > 150 and refused > 30
    assert render(Run(made).leaderboards(), "csv") == before


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"- a\n- b\n",
        b"text",
        b"config: [1, 2]",
        b"config: text",
        b"{" * 5000,
        b"a: &a [*a]",
        b"a: 2001-99-99",
        b"? [1]\n: 2",
        b"!!python/object/apply:os.system ['true']",
        b"a: b: c",
        b"\t",
        b"1" * 5000,
        b"limit: .inf",
        b"value_range: [0, .inf]",
        b"value_range: sometimes",
        b"{1: 2}",
    ],
)
def test_files_that_are_no_configuration(tmp_path, data):
    (tmp_path / "run.yaml").write_bytes(data)
    with pytest.raises(ConfigError, match=r"run\.yaml"):
        Run(tmp_path)
    with contextlib.suppress(ConfigError):  # some are settings, if not those of a run; others end in no traceback
        RunConfig.from_dict(read_config(tmp_path / "run.yaml") | {"methods": ["average"]}).checked()


def stored(folder):
    store = Store(folder)
    store.append(ROWS)
    return store


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), bit=st.integers(0, 7))
def test_one_flipped_bit_in_a_shard_changes_no_number(tmp_path, place, bit):
    stored(tmp_path).compact()
    path = tmp_path / "scores" / "night" / "gff.parquet"
    data = bytearray(path.read_bytes())
    data[int(place * (len(data) - 1))] ^= 1 << bit
    path.write_bytes(bytes(data))
    try:
        found = Store(tmp_path).rows()
    except StoreError as error:
        assert "gff.parquet is damaged" in str(error)
    else:
        assert found == sorted(ROWS, key=lambda row: (row.dataset, row.method, row.pair, row.metric))
    path.unlink()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_damaged_journal_loses_lines_and_changes_none(tmp_path, flips):
    (tmp_path / "scores" / "journal.jsonl").unlink(missing_ok=True)
    store = stored(tmp_path)
    data = bytearray(store.journal.read_bytes())
    for place, value in flips:
        data[int(place * (len(data) - 1))] = value
    store.journal.write_bytes(bytes(data))
    assert set(store.rows()) <= set(ROWS)


@pytest.mark.parametrize(
    "line", [b"[" * 100_000, b"\xff\xfe", b"{}", b"null", b'{"dataset": 1}', b"0123456789abcdef {}"]
)
def test_a_journal_of_other_lines_has_no_rows(tmp_path, line):
    store = stored(tmp_path)
    store.journal.write_bytes(line + b"\n")
    assert store.rows() == []


BOARDS = {"night": PeopleBoard(4, 0, {"gff": PeopleEntry({"AP50": 0.5}, images=4)})}


def test_scores_of_people_are_of_the_kinds_that_they_are_written_in(tmp_path):
    write_people(tmp_path, BOARDS)
    assert read_people(tmp_path) == BOARDS
    content = json.loads((tmp_path / "downstream.json").read_text())
    refused = 0
    for path, other in damages(content):
        if isinstance(other, float):
            continue
        (tmp_path / "downstream.json").write_text(json.dumps(damaged(content, path, other)))
        try:
            boards = read_people(tmp_path)
        except StoreError as error:
            assert "downstream.json is damaged" in str(error)
            refused += 1
        else:
            assert all(isinstance(board.images, int) for board in boards.values())
    assert refused > 50
    for data in (b"", b"\xff\xfe", b"[" * 100_000, b"null", b"7"):
        (tmp_path / "downstream.json").write_bytes(data)
        with pytest.raises(StoreError, match=r"downstream\.json is damaged"):
            read_people(tmp_path)
