"""Scores of people in a run directory: what is written is read again, whatever is no number stays out of JSON."""

import json
import math

import pytest

from ivif.benchmark.people import PEOPLE_SCORES, PeopleBoard, PeopleEntry, json_numbers, read_people, write_people
from ivif.benchmark.store import StoreError

ENTRY = PeopleEntry(
    {"AP50": 0.5, "mAP": None}, {"MOTA": -0.25}, 9, 1, {"walk": {"MOTA": -0.25}}, {"a": "b"}, {"c": "d"}
)


def test_what_is_written_is_read_again(tmp_path):
    boards = {"llvip": PeopleBoard(9, 1, {"average": ENTRY, "visible": PeopleEntry()}), "empty": PeopleBoard(0, 0)}
    write_people(tmp_path, boards)
    assert read_people(tmp_path) == boards
    content = json.loads((tmp_path / "downstream.json").read_text())
    assert list(content["llvip"]) == ["images", "sequences", "scores"]
    fields = ["detection", "tracking", "images", "sequences", "by_sequence", "failures", "lost"]
    assert list(content["llvip"]["scores"]["average"]) == fields


def test_nothing_was_looked_for(tmp_path):
    assert read_people(tmp_path) == {}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"llvip": {"images": 1}}', '{"llvip": {"scores": {"a": {"images": 1, "x": 2}}}}']
)
def test_a_damaged_file_says_what_to_do(tmp_path, text):
    (tmp_path / "downstream.json").write_text(text)
    with pytest.raises(StoreError, match=r"downstream.json is damaged; give the same run again"):
        read_people(tmp_path)


def test_numbers_that_json_cannot_hold():
    assert json_numbers({"AP50": 0.5, "mAP": math.nan, "MOTA": -math.inf}) == {"AP50": 0.5, "mAP": None, "MOTA": None}


def test_scores_are_over_images_or_sequences():
    board = PeopleBoard(9, 1, {"average": ENTRY})
    assert [board.total(score) for score in PEOPLE_SCORES] == [9, 9, 9, 1, 1, 1]
    assert {score.key: ENTRY.value(score) for score in PEOPLE_SCORES} == {
        "ap50": 0.5,
        "map": None,
        "lamr": None,
        "hota": None,
        "mota": -0.25,
        "idf1": None,
    }
    assert [score.arrow for score in PEOPLE_SCORES] == ["↑", "↑", "↓", "↑", "↑", "↑"]
