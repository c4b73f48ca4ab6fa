"""The commands that read runs: tables, pictures, tests."""

from __future__ import annotations

import argparse
from pathlib import Path

from ivif.benchmark.config import ConfigError
from ivif.benchmark.reports.comparison import COMPARISON_FORMATS, comparisons, couples, render_comparisons
from ivif.benchmark.reports.evidence import gathered
from ivif.benchmark.reports.evidence_tables import EVIDENCE_FORMATS, render_evidence
from ivif.benchmark.reports.exchange import to_excel
from ivif.benchmark.reports.html.page import write_report
from ivif.benchmark.reports.html.pictures import PICTURE_MODES
from ivif.benchmark.reports.opening import judged
from ivif.benchmark.reports.paper import TableChoice
from ivif.benchmark.reports.prediction import predictions, predictions_table
from ivif.benchmark.reports.robustness.curves import read_curves
from ivif.benchmark.reports.robustness.directory import RobustnessFolder
from ivif.benchmark.reports.robustness.tables import ROBUSTNESS_FORMATS, robustness_columns
from ivif.benchmark.reports.sheet import run_sheet, write_sheet
from ivif.benchmark.reports.tables import FORMATS, leaderboard_text
from ivif.benchmark.reports.temporal import temporal_scores, temporal_table
from ivif.benchmark.reports.transfer import transfer, transfer_table
from ivif.benchmark.reports.variants import readings, variants_table
from ivif.benchmark.run_directory import REPORT_FILE, Run
from ivif.datasets.files import write_atomic
from ivif.datasets.options import Several

EXCEL = "xlsx"


def fill_leaderboard(parser: argparse.ArgumentParser) -> None:
    """Add what ``leaderboard`` takes."""
    _add_directory(parser)
    add = parser.add_argument
    add("--format", choices=(*FORMATS, EXCEL), default="terminal", help=f"{EXCEL} takes --out FILE")
    add("-o", "--out", "--output", type=Path, metavar="FILE", help="instead of the terminal")
    add("--common", action="store_true", help="compare all methods on the pairs that all have")
    group = parser.add_argument_group("LaTeX", "what --format tex shows")
    add = group.add_argument
    add("--columns", action=Several, metavar="KEY", help="metrics and scores of people, in order; default: all")
    add("--method", dest="methods", action=Several, metavar="NAME", help="in order; default: all, by family and rank")
    add("--name", dest="names", action="append", metavar="NAME=TEXT", help="what a method is called, repeatable")
    add("--decimals", type=int, metavar="N", help="of all numbers (default: as each column needs)")
    add("--caption", default="", metavar="TEXT", help="in LaTeX; default: data set, pairs, definitions, marks")
    add("--widest", type=int, default=TableChoice.most, metavar="N", help="columns before a second table begins below")
    add("--together", action="store_true", help="all data sets in one table")
    parser.set_defaults(command=_leaderboard)


def _add_directory(parser: argparse.ArgumentParser, about: str = "run directory") -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help=about)


def _leaderboard(options: argparse.Namespace) -> int:
    run = Run(options.run)
    if options.format == EXCEL:
        if options.out is None:
            raise ConfigError(f"--format {EXCEL} writes a file: name it by --out FILE.xlsx")
        write_atomic(options.out, to_excel(judged(run, options.common)))
        print(options.out)
        return 0
    run.check_methods(options.methods or ())
    text = leaderboard_text(run, options.format, _choice(options), options.common)
    if options.format in ROBUSTNESS_FORMATS and RobustnessFolder.is_in(options.run):
        text += "\n" + robustness_columns(read_curves(RobustnessFolder(options.run)), options.format)
    if options.out:
        write_atomic(options.out, text.encode())
    print(options.out or text, end="\n" if options.out else "")
    return 0


def _choice(options: argparse.Namespace) -> TableChoice:
    names = [text.partition("=")[::2] for text in options.names or ()]
    keys = ("decimals", "caption", "together")
    return TableChoice(
        tuple(options.columns or ()),
        tuple(options.methods or ()),
        dict(names),
        most=options.widest,
        **{key: getattr(options, key) for key in keys},
    )


def fill_report(parser: argparse.ArgumentParser) -> None:
    """Add what ``report`` takes."""
    several = "run directory; several are joined, unless they are on different pairs of a data set"
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help=several)
    parser.add_argument("-o", "--out", "--output", type=Path, metavar="FILE", help="default: report.html in the first")
    where = "pictures inside the file, in a folder beside it, or left out (default: %(default)s)"
    parser.add_argument("--images", choices=PICTURE_MODES, default="embed", help=where)
    beside = "of `fusion references`: the best one of each pair, enhanced, and their mean, to look at among the methods"
    parser.add_argument("--references", type=Path, metavar="DIR", help=beside)
    parser.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    out = options.out or options.runs[0] / REPORT_FILE
    runs = [Run(folder) for folder in options.runs]
    print(write_report(runs, out, options.images, references=options.references))
    return 0


def fill_sheet(parser: argparse.ArgumentParser) -> None:
    """Add what ``sheet`` takes."""
    _add_directory(parser)
    add = parser.add_argument
    add("--pair", dest="pairs", action=Several, metavar="NAME", help="default: a few")
    add("--method", dest="methods", action=Several, metavar="NAME", help="default: all")
    add("-o", "--out", "--output", type=Path, metavar="FILE", help=".png or .pdf file (default RUN/sheet.png)")
    beside = "of the command references: also the best one of each pair, enhanced, and their mean"
    add("--references", type=Path, metavar="DIR", help=beside)
    add("--width", type=int, default=240, help="of one picture, in pixels")
    wrap = "pictures beside one another before they wrap (default: as many as a screen shows)"
    add("--columns", type=int, default=0, metavar="N", help=wrap)
    parser.set_defaults(command=_sheet)


def _sheet(options: argparse.Namespace) -> int:
    out = options.out or options.run / "sheet.png"
    chosen = options.pairs, options.methods, options.width, options.references, options.columns
    write_sheet(out, run_sheet(Run(options.run), *chosen))
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
    parser.add_argument("--format", choices=COMPARISON_FORMATS, default="terminal")
    parser.set_defaults(command=_compare)


def _compare(options: argparse.Namespace) -> int:
    of = Run(options.run)
    print(render_comparisons(comparisons(of, couples(of, options.methods)), options.format), end="")
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
