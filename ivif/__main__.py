"""`python -m ivif`, and the console script `ivif`: the four groups of commands."""

from __future__ import annotations

import sys
from importlib import import_module

GROUPS = {
    "benchmark": "measure: run, leaderboard, compare, report, explain ...",
    "fusion": "fuse: pictures, weights, references, training",
    "downstream": "look for people: detection, tracking",
    "datasets": "pairs: list, download, verify, render",
}


def main() -> int:
    """Hand the arguments after a group's name to that group; its code alone is imported."""
    group, arguments = (sys.argv[1:2] or ["--help"])[0], sys.argv[2:]
    if group in GROUPS:
        return import_module(f"ivif.{group}.__main__").main(arguments)
    lines = [f"  {name:12}{about}" for name, about in GROUPS.items()]
    usage = "\n".join(["usage: ivif GROUP COMMAND ...", "", "groups:", *lines, "", "ivif GROUP --help says more"])
    if group in ("-h", "--help"):
        print(usage)
        return 0
    print(f"error: no group {group!r}\n\n{usage}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
