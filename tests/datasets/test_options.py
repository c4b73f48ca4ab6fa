"""Options that take several values."""

import argparse

import pytest

from ivif.datasets.options import Several


def parsed(*arguments: str, **settings: object) -> list[str]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--method", dest="methods", action=Several, **settings)
    return parser.parse_args(arguments).methods


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], []),
        (["--method", "gff"], ["gff"]),
        (["--method", "gff", "--method", "tif"], ["gff", "tif"]),
        (["--method", "gff,tif", "--method=adf, dwt"], ["gff", "tif", "adf", "dwt"]),
        (["--method", "mine=results, old/{pair}_a,b.png"], ["mine=results, old/{pair}_a,b.png"]),
        (["--method", "gff,mine=a,b=c", "--method", "tif"], ["gff", "mine=a,b=c", "tif"]),
        (["--method", "package.module:Class"], ["package.module:Class"]),
    ],
)
def test_values_are_repeated_or_separated_by_commas(arguments, expected):
    assert parsed(*arguments) == expected


def test_words_after_one_option():
    assert parsed("--method", "person", "car,dog", nargs="+") == ["person", "car", "dog"]


def test_what_is_given_takes_the_place_of_a_default_and_leaves_it_alone():
    default = ["person"]
    for _ in range(2):
        assert parsed(default=default) == ["person"]
        assert parsed("--method", "car", "--method", "person", default=default) == ["car", "person"]
    assert parsed(default=None) is None
    assert parsed("--method", "car", default=None) == ["car"]


def test_commands_keep_their_values_apart():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for name in ("first", "second"):
        commands.add_parser(name).add_argument("--method", dest="methods", action=Several)
    assert parser.parse_args(["first", "--method", "gff"]).methods == ["gff"]
    assert parser.parse_args(["first"]).methods == parser.parse_args(["second"]).methods == []


@pytest.mark.parametrize("text", ["", "gff,", ",gff", "gff,,tif", "=folder"])
def test_a_missing_value_is_told(text, capsys):
    with pytest.raises(SystemExit) as stopped:
        parsed("--method", text)
    assert stopped.value.code == 2
    assert f"argument --method: a value is missing in {text!r}" in capsys.readouterr().err
