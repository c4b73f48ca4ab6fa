"""`python -m ivif`, and the console script `ivif`: the four groups of commands."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from ivif.command_line import Group, add_version, ended
from ivif.errors import IvifError
from ivif.spelling import did_you_mean

GROUPS = {
    "benchmark": "measure: run, leaderboard, compare, report, explain ...",
    "fusion": "fuse: pictures, weights, references, training",
    "downstream": "look for people: detection, tracking",
    "datasets": "pairs: list, download, verify, render",
}
MAIN_GROUP = "benchmark"
"""The group whose commands may be given without its name: ``ivif run``, ``ivif merge``."""

SHELLS = ("bash", "zsh")


def main() -> int:
    """Hand the arguments after a group's name, or those of the main group, to it; its code alone is imported."""
    name, arguments = (sys.argv[1:2] or ["--help"])[0], sys.argv[2:]
    if name in GROUPS:
        return group(name).main(arguments)
    if name in group(MAIN_GROUP).commands:
        return group(MAIN_GROUP).main([name, *arguments])
    return ended(lambda: _own(name, arguments), "nothing is lost")


def group(name: str) -> Group:
    """One of `GROUPS`."""
    found: Group = import_module(f"ivif.{name}.cli").GROUP
    return found


def _own(name: str, arguments: list[str]) -> int:
    if name == "completion":
        print(_completion(arguments[0] if arguments else "bash"))
        return 0
    if not name.startswith("-"):
        raise IvifError(f"no group {name!r}; {did_you_mean(name, GROUPS) or 'there are ' + ', '.join(GROUPS)}")
    _parser().parse_args([name, *arguments])
    return 0


def _parser() -> argparse.ArgumentParser:
    lines = [f"  {name:12}{about}" for name, about in GROUPS.items()]
    more = [
        'completion  completions for bash or zsh: eval "$(ivif completion bash)"',
        f"ivif GROUP --help says more; {MAIN_GROUP} may be left out, as in ivif run",
    ]
    parser = argparse.ArgumentParser(
        prog="ivif",
        usage="ivif GROUP COMMAND ...",
        description="Infrared-visible image fusion: methods, metrics, leaderboards.",
        epilog="\n".join(["groups:", *lines, "", *more]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_version(parser)
    return parser


def _completion(shell: str) -> str:
    """The script that completes groups, commands, options and files in a shell."""
    import shtab

    if shell not in SHELLS:
        raise IvifError(f"no completion for {shell!r}; there are {', '.join(SHELLS)}")
    parser = argparse.ArgumentParser(prog="ivif")
    add_version(parser)
    groups = parser.add_subparsers()
    for name in GROUPS:
        group(name).add_to(groups)
    for action in _actions(parser):
        if action.type is Path:
            action.complete = shtab.DIRECTORY if action.metavar == "DIR" else shtab.FILE  # type: ignore[attr-defined]
    text: str = shtab.complete(parser, shell)
    return text


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """All options of a parser and of its commands."""
    found = list(parser._actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found += [each for command in action.choices.values() for each in _actions(command)]
    return found


if __name__ == "__main__":
    sys.exit(main())
