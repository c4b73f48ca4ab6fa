"""The commands that read runs: tables, pictures, tests."""

from __future__ import annotations

import argparse
from pathlib import Path

from ivif.benchmark.reports.comparison import comparison_text, comparisons, couples
from ivif.benchmark.reports.evidence import gathered
from ivif.benchmark.reports.evidence_tables import EVIDENCE_FORMATS, render_evidence
from ivif.benchmark.reports.prediction import predictions, predictions_table
from ivif.benchmark.reports.sheet import run_sheet
from ivif.benchmark.reports.tables import FORMATS, render
from ivif.benchmark.reports.temporal import temporal_scores, temporal_table
from ivif.benchmark.reports.transfer import transfer, transfer_table
from ivif.benchmark.reports.variants import readings, variants_table
from ivif.benchmark.run_directory import Run
from ivif.datasets.files import write_atomic
from ivif.datasets.images import write_png
from ivif.datasets.options import Several


def fill_leaderboard(parser: argparse.ArgumentParser) -> None:
    """Add what ``leaderboard`` takes."""
    _add_directory(parser)
    parser.add_argument("--format", choices=FORMATS, default="terminal")
    parser.add_argument("--common", action="store_true", help="compare all methods on the pairs that all have")
    parser.set_defaults(command=_leaderboard)


def _add_directory(parser: argparse.ArgumentParser, about: str = "run directory") -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help=about)


def _leaderboard(options: argparse.Namespace) -> int:
    print(render(Run(options.run).leaderboards(options.common), options.format), end="")
    return 0


def fill_sheet(parser: argparse.ArgumentParser) -> None:
    """Add what ``sheet`` takes."""
    _add_directory(parser)
    add = parser.add_argument
    add("--pair", dest="pairs", action=Several, metavar="NAME", help="default: a few")
    add("--method", dest="methods", action=Several, metavar="NAME", help="default: all")
    add("-o", "--out", "--output", type=Path, metavar="FILE", help="PNG file (default RUN/sheet.png)")
    beside = "of the command references: also the best one of each pair, enhanced, and their mean"
    add("--references", type=Path, metavar="DIR", help=beside)
    add("--width", type=int, default=240, help="of one picture, in pixels")
    parser.set_defaults(command=_sheet)


def _sheet(options: argparse.Namespace) -> int:
    out = options.out or options.run / "sheet.png"
    write_png(out, run_sheet(Run(options.run), options.pairs, options.methods, options.width, options.references))
    print(out)
    return 0


def fill_variants(parser: argparse.ArgumentParser) -> None:
    """Add what ``variants`` takes."""
    _add_directory(parser, "run directory, measured with --metrics variants")
    parser.add_argument("--pair", dest="pairs", action=Several, metavar="NAME", help="default: mean of all")
    parser.add_argument("--method", dest="methods", action=Several, metavar="NAME", help="default: all")
    parser.set_defaults(command=_variants)


def _variants(options: argparse.Namespace) -> int:
    print(variants_table(readings(Run(options.run), options.pairs, options.methods)))
    return 0


def fill_temporal(parser: argparse.ArgumentParser) -> None:
    """Add what ``temporal`` takes."""
    _add_directory(parser)
    parser.set_defaults(command=_temporal)


def _temporal(options: argparse.Namespace) -> int:
    print(temporal_table(temporal_scores(Run(options.run))))
    return 0


def fill_transfer(parser: argparse.ArgumentParser) -> None:
    """Add what ``transfer`` takes."""
    parser.add_argument("first", type=Path, metavar="RUN", help="run directory")
    parser.add_argument("second", type=Path, metavar="RUN", help="run directory")
    parser.set_defaults(command=_transfer)


def _transfer(options: argparse.Namespace) -> int:
    print(transfer_table(*transfer(Run(options.first), Run(options.second))))
    return 0


def fill_compare(parser: argparse.ArgumentParser) -> None:
    """Add what ``compare`` takes."""
    _add_directory(parser)
    named = "baseline, then what to compare with it; default: every network with its +rts counterpart"
    parser.add_argument("methods", nargs="*", metavar="METHOD", help=named)
    parser.set_defaults(command=_compare)


def _compare(options: argparse.Namespace) -> int:
    of = Run(options.run)
    for board, found in comparisons(of, couples(of, options.methods)):
        print(comparison_text(board, found))
    return 0


def fill_rts_evidence(parser: argparse.ArgumentParser) -> None:
    """Add what ``rts-evidence`` takes."""
    further = "run directory of networks NAME and NAME+rts; of further seeds as NAME.s1 and NAME.s1+rts"
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help=further)
    parser.add_argument("--format", choices=EVIDENCE_FORMATS, default="terminal")
    parser.add_argument("-o", "--out", "--output", type=Path, metavar="FILE", help="instead of the terminal")
    parser.set_defaults(command=_rts_evidence)


def _rts_evidence(options: argparse.Namespace) -> int:
    text = render_evidence(gathered([Run(folder) for folder in options.runs]), options.format)
    if options.out:
        write_atomic(options.out, text.encode())
    print(options.out or text, end="\n" if options.out else "")
    return 0


def fill_predict(parser: argparse.ArgumentParser) -> None:
    """Add what ``predict`` takes."""
    _add_directory(parser, "run directory, made with --detect")
    parser.set_defaults(command=_predict)


def _predict(options: argparse.Namespace) -> int:
    print(predictions_table(*predictions(Run(options.run))))
    return 0
