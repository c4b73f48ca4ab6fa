"""Command lines: groups of commands whose code is imported when one of them is asked for, and one end for all errors.

`Group.main` is the one place that turns errors and signals into a line and an exit code: 0 all well, 1 something failed
and is recorded, 2 it could not be done or was stopped (Ctrl-C, SIGTERM), 141 nobody reads any more.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from ivif.errors import IvifError
from ivif.spelling import did_you_mean

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""What a full disk, a full quota and a read-only disk say."""

EXIT_FAILURES, EXIT_ERROR, EXIT_CLOSED_PIPE = 1, 2, 141

SEVERAL = "Options for several values take them repeated, separated by commas, or both: --metrics en,sd --metrics vif"
"""For the end of a command's help."""


@dataclass(frozen=True)
class Command:
    """One command of a group.

    Attributes:
        about: what it does, in a line.
        fill: ``package.module:function``; the function gets the command's parser, adds its options, and sets the
            default ``command`` to what runs it.
        examples: commands as they are typed, without what calls the group.
        shortcut: ``package.module:function``, small to import; the function gets the words after the command's name
            before `fill` is imported, and returns an exit code if it has done what they ask for, else None.
    """

    about: str
    fill: str
    examples: Sequence[str] = ()
    shortcut: str = ""

    def answered(self, words: Sequence[str]) -> int | None:
        """What `shortcut` returns. Nothing is to be saved by it once `fill` has been imported."""
        if not self.shortcut or self.fill.partition(":")[0] in sys.modules:
            return None
        code: int | None = _imported(self.shortcut)(words)
        return code


@dataclass(frozen=True)
class Group:
    """Commands that belong together: ``python -m NAME COMMAND`` in a checkout, ``ivif NAME COMMAND`` anywhere.

    Attributes:
        name: of the package below `ivif`.
        about: what they are for, in a line.
        commands: by name.
        kept: what an interruption leaves, in a sentence.
    """

    name: str
    about: str
    commands: Mapping[str, Command]
    kept: str = "everything finished is kept, the same command goes on from here"

    def parser(self) -> argparse.ArgumentParser:
        """The parser of all commands; each gets its options when it has something to parse."""
        parser = argparse.ArgumentParser(
            prog=_prog(self.name), description=self.about, epilog=SEVERAL, formatter_class=_Help
        )
        add_version(parser)
        self._add_commands(parser)
        return parser

    def add_to(self, groups: Any) -> None:
        """Add the group, whole, to what ``add_subparsers`` of another parser gave."""
        for command in self._add_commands(groups.add_parser(self.name, help=self.about)):
            command.fill()

    def _add_commands(self, parser: argparse.ArgumentParser) -> list[_CommandParser]:
        commands = parser.add_subparsers(required=True, metavar="command", parser_class=_CommandParser)
        return [
            commands.add_parser(name, help=command.about, description=f"{command.about}.", fill_by=command)
            for name, command in self.commands.items()
        ]

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Run a command; returns its exit code."""
        given = list(sys.argv[1:] if arguments is None else arguments)
        return ended(lambda: self._run(given), self.kept)

    def _run(self, arguments: Sequence[str]) -> int:
        if arguments and arguments[0] not in self.commands and not arguments[0].startswith("-"):
            near = did_you_mean(arguments[0], self.commands)
            raise IvifError(f"no command {arguments[0]!r}; {near or 'there are ' + ', '.join(self.commands)}")
        options = self.parser().parse_args(arguments)
        code: int = options.command(options)
        return code


def _imported(text: str) -> Callable[..., Any]:
    """What ``package.module:function`` means."""
    module, _, function = text.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found


class _Help(argparse.RawDescriptionHelpFormatter):
    """Examples keep their lines."""


def _user_path(text: str) -> Path:
    """What ``type=Path`` means in every command: ``~`` is the user's home, also where the shell leaves it."""
    return Path(text).expanduser()


class _CommandParser(argparse.ArgumentParser):
    """The parser of one command, which imports what the command needs once it has something to parse."""

    def __init__(self, *, fill_by: Command, **settings: Any) -> None:
        super().__init__(**settings, formatter_class=_Help)
        self._command, self._filled = fill_by, False
        self.register("type", Path, _user_path)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See `argparse.ArgumentParser.parse_known_args`; the words themselves become ``words``."""
        if (code := self._command.answered(args)) is not None:
            return argparse.Namespace(command=lambda options: code), []
        self.fill()
        found, rest = super().parse_known_args(args, namespace)
        found.words = tuple(args)
        return found, rest

    def fill(self) -> None:
        """Add the command's options, once."""
        if self._filled:
            return
        self._filled = True
        _imported(self._command.fill)(self)
        group = self.prog.rpartition(" ")[0]
        self.epilog = "\n".join(["examples:", *(f"  {group} {line}" for line in self._command.examples), "", SEVERAL])


def add_version(parser: argparse.ArgumentParser) -> None:
    """Give a parser ``--version``."""
    parser.add_argument("--version", action=_Version, nargs=0, help="say which version this is")


class _Version(argparse.Action):
    """Looks the version up when it is asked for, which takes a while."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        import ivif

        print(f"ivif-bench {ivif.__version__}")
        parser.exit()


def _prog(group: str) -> str:
    """What calls a group: as it was typed."""
    called = Path(sys.argv[0])
    if called.stem == "ivif":
        return f"ivif {group}"
    return f"python -m ivif {group}" if called.parent.name == "ivif" else f"python -m {group}"


def command_given(group: str) -> str:
    """The command line of this process, to be given again; `group` is the one whose command runs."""
    prog, words = _prog(group).split(), sys.argv[1:]
    if Path(sys.argv[0]).stem not in ("ivif", "__main__"):  # a script, which uses this project
        return shlex.join(["python", *sys.argv])
    return shlex.join([*prog, *words[words[:1] == [group] :]])


class Stopped(KeyboardInterrupt):
    """SIGTERM came: `kill`, a container that is stopped, a batch system."""


def ended(work: Callable[[], int], kept: str) -> int:
    """Do the work of a command; its exit code, whatever happens.

    Args:
        work: gives the exit code.
        kept: what an interruption leaves, in a sentence.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without arrows gets question marks, not a crash
    try:
        with _stopped_by_signals():
            code = work()
            sys.stdout.flush()
            return code
    except BrokenPipeError:  # whoever read has seen enough, as in `| head`
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_CLOSED_PIPE
    except IvifError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_ERROR
    except OSError as error:
        way = f"; make room or name another folder: {kept}" if error.errno in _UNWRITABLE else ""
        what = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
        print(f"error: {what}{way}", file=sys.stderr)
        return EXIT_ERROR
    except Stopped:
        print(f"stopped; {kept}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        print(f"interrupted; {kept}", file=sys.stderr)
        return EXIT_ERROR


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """SIGTERM raises `Stopped` inside, so that workers end and files are closed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
