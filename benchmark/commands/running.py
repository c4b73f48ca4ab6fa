"""The command that makes a run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ivif._checkout import as_typed
from ivif.benchmark.config import ALL, CheckedConfig, RunConfig, read_config
from ivif.benchmark.reports.joining import join
from ivif.benchmark.reports.opening import judgements_of
from ivif.benchmark.reports.tables import render
from ivif.benchmark.run_directory import REPORT_FILE, Run
from ivif.benchmark.running.merging import finished_shards
from ivif.benchmark.running.people import Effort
from ivif.benchmark.running.runner import Summary, run
from ivif.benchmark.running.unchanged import Watch
from ivif.command_line import EXIT_FAILURES
from ivif.datasets.files import write_atomic
from ivif.datasets.options import Several, add_backend, add_value_range, chosen_workers, told
from ivif.downstream.detector import DEFAULT_DETECTOR, SHIPPED_DETECTOR
from ivif.fusion.loading import light_names
from ivif.fusion.loading import names as method_names


def _run(options: argparse.Namespace) -> int:
    settings: dict[str, Any] = read_config(options.config) if options.config else {}
    given = {key: value for key, value in vars(options).items() if key in RunConfig.model_fields}
    settings |= {key: value for key, value in given.items() if value not in (None, [])}
    wish = RunConfig.from_dict(settings)
    config = wish.checked()
    left_out = [name for name in method_names() if name not in config.methods]
    first = ""
    if left_out and options.existing != "add" and list(config.methods) == light_names():
        first = f"left out, as they take long on a CPU: {', '.join(left_out)}; --method {ALL} brings them in\n"
    print(first, end="")
    watch = Watch(options.words, config, options.config, options.existing)
    with chosen_workers(options, config.out):
        summary = run(wish, options.existing)
    if config.shard:
        whole = config.out.parents[1]
        print(f"shard {config.shard} in {config.out}; once all are done: {as_typed(f'benchmark merge {whole}')}")
        print(_ended(config, summary))
        return _code(summary)
    table = _tables(config, summary)
    print(table)
    print(_ended(config, summary))
    if not summary.failed:
        said = f"{first}{table}\n{_ended(config, summary.again())}"
        watch.keep(said, "\n".join(told(summary.unmatched)), summary.written)
    return _code(summary)


def _tables(config: CheckedConfig, summary: Summary) -> str:
    """Write the tables and the report of a run that is done; what a terminal shows of them."""
    done = Run(config.out)
    judgements = judgements_of(join([done], summary.looked))
    boards = [own.standing.board for own in judgements]
    tables = {config.out / f"leaderboard.{form}": render(boards, form, judgements) for form in ("md", "tex", "csv")}
    report = config.out / REPORT_FILE
    # Before the tables, so that a report that an interruption kept from being written is missed the next time.
    if summary.changed or not report.is_file() or any(map(_differs, *zip(*tables.items(), strict=True))):
        from ivif.benchmark.reports.html.page import write_report  # its templates and plots take long to import

        write_report([done], report, judgements=judgements)
    for path, text in tables.items():
        write_atomic(path, text.encode())
    return f"{render(boards, 'terminal', judgements)}\nreport, to open in a browser: {report}"


def _differs(path: Path, text: str) -> bool:
    return not path.is_file() or path.read_bytes() != text.encode()


def _ended(config: CheckedConfig, summary: Summary) -> str:
    """What was done and what failed."""
    lines = []
    if summary.rates:
        rates = ", ".join(f"{name} {rate:.3g}" for name, rate in summary.rates.items())
        lines.append(f"fused, pairs a second: {rates}")
    valid = f"{summary.kept} still valid from before"
    lines.append(f"{summary.done} fused images done now, {valid}; results in {config.out}")
    if summary.effort:
        lines.append(_effort(summary.effort, summary.seconds))
    if summary.why_not:
        lines.append(f"nobody was looked for: {summary.why_not}")
    return "\n".join([*lines, *_failures(summary)])


def _code(summary: Summary) -> int:
    return EXIT_FAILURES if summary.failed else 0


def fill_merge(parser: argparse.ArgumentParser) -> None:
    """Add what ``merge`` takes."""
    parser.add_argument("run", type=Path, metavar="RUN", help="directory that was given as --out to every shard")
    parser.add_argument("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 (default: as in the shards)")
    parser.set_defaults(command=_merge)


def _merge(options: argparse.Namespace) -> int:
    shards = finished_shards(options.run)
    config = shards[0].config.but(out=options.run, shard=None, device=options.device or shards[0].config.device)
    summary = run(config, parts=shards)
    print(_tables(config.checked(), summary))
    print(_ended(config.checked(), summary))
    return _code(summary)


def _effort(effort: Effort, total: float) -> str:
    looked = f"detector: {effort.looked} pictures looked at now, {effort.reused} still valid from before"
    if not effort.looked:
        return looked
    rate = f", {effort.looked / effort.seconds:.1f} pictures a second" if effort.seconds else ""
    return f"{looked}; {effort.seconds:.1f} s, {effort.seconds / total:.0%} of the run's {total:.1f} s{rate}"


def _failures(summary: Summary) -> Iterator[str]:
    if not summary.failed:
        return
    yield f"{summary.failed} values are missing:"
    for reason, count, example in summary.reasons[:10]:
        yield f"  {count} x {reason}  [{example}]"
    if len(summary.reasons) > 10:
        yield f"  and {len(summary.reasons) - 10} more reasons, in scores/"


def fill_run(parser: argparse.ArgumentParser) -> None:
    """Add what ``run`` takes."""
    add = parser.add_argument
    add(
        "--config", type=Path, metavar="FILE", help="settings as YAML (a run's run.yaml too); options below override it"
    )
    add("--out", metavar="DIR", help="run directory (default: runs/DATASET); finished work in it is kept")
    standing = parser.add_mutually_exclusive_group()
    more = "keep the methods, data sets and metrics of the run that stands in OUT, and add these"
    standing.add_argument("--add", dest="existing", action="store_const", const="add", default="resume", help=more)
    anew = "put this run in the place of the one that stands in OUT"
    standing.add_argument("--replace", dest="existing", action="store_const", const="replace", help=anew)
    add("--dataset", dest="datasets", action=Several, metavar="NAME", help="default: synthetic scenes")
    add("--root", metavar="DIR", help="folder of the data set; default: $IVIF_DATA/NAME or a downloaded copy")
    add("--infrared", metavar="DIR", help="your own pairs: folder of infrared images ...")
    add("--visible", metavar="DIR", help="... and of visible ones with the same file names")
    methods = (
        "bundled method, package.module:Class, NAME=FILE for a network with weights of your own; 'all': every bundled "
        "one; default: the light ones and their +rts twins, none if --fused is given"
    )
    add("--method", dest="methods", action=Several, metavar="NAME", help=methods)
    folders = "fused images made elsewhere; 'NAME=DIR/{pair}_x.jpg' for other names, 'DIR/{pair}_{method}.jpg' for all"
    add("--fused", action=Several, metavar="NAME=DIR", help=folders)
    add("--metrics", action=Several, metavar="KEY", help="metric or profile; default: core")
    add("--limit", type=int, metavar="N", help="the first N pairs of each data set")
    add_value_range(parser)
    common = "rank methods that lack pairs too, all of them on the pairs that all have (else they get no rank)"
    add("--common", action="store_const", const=True, help=common)
    add("--jobs", type=int, metavar="N", help="worker processes (default: one a processor core)")
    add("--device", metavar="NAME", help="auto, cpu, cuda, cuda:1 (default: auto)")
    add("--seed", type=int, help="of everything random (default: 0)")
    group = parser.add_argument_group("people", "what fused images are good for; needs the extra 'downstream'")
    add = group.add_argument
    flag, found = argparse.BooleanOptionalAction, "find people in the fused images of labelled pairs"
    add("--detect", action=flag, help=f"{found} (default: in rendered scenes, if ultralytics is installed)")
    followed = "and follow them through sequences; brings --detect in"
    add("--track", action=flag, help=f"{followed} (default: where nothing is said of --detect either)")
    defaults = f"{DEFAULT_DETECTOR}; for rendered scenes: {SHIPPED_DETECTOR}"
    add("--detector", metavar="FILE", help=f"weights that ultralytics loads; brings --detect in (default: {defaults})")
    add("--image-size", type=int, metavar="N", help="pixels the detector sees (default: what it was trained for)")
    labels = "of your own pairs: folder of .xml or YOLO .txt; COCO .json; MOTChallenge .txt for one sequence"
    add("--labels", metavar="PATH", help=labels)
    named = "of YOLO's classes (default: what a classes.txt or data.yaml beside them says, else person)"
    add("--names", nargs="+", action=Several, metavar="NAME", help=named)
    add_backend(parser)
    once = "OUT/shards/N-of-COUNT; `merge OUT` joins all to what one run would be"
    parser.add_argument("--shard", metavar="N/COUNT", help=f"one part alone of the pairs, in {once}")
    parser.set_defaults(command=_run)
