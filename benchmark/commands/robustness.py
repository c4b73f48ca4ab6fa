"""The command that measures methods on sources that something went wrong with."""

from __future__ import annotations

import argparse
from typing import Any

from ivif.benchmark.commands.corrupting import add_corruption_options, chosen_severities
from ivif.benchmark.config import RunConfig
from ivif.benchmark.experiments.robustness.plan import (
    BASELINE,
    DEFAULT_SEVERITIES,
    plan_robustness,
)
from ivif.benchmark.experiments.robustness.running import RobustnessSummary, measure_robustness
from ivif.benchmark.reports.robustness.curves import read_curves
from ivif.benchmark.reports.robustness.directory import RobustnessFolder
from ivif.benchmark.reports.robustness.page import ROBUSTNESS_PAGE, write_robustness_page
from ivif.benchmark.reports.robustness.tables import curves_csv, robustness_text, summary_csv
from ivif.command_line import EXIT_FAILURES
from ivif.datasets.files import write_atomic
from ivif.datasets.options import Several, add_backend, add_value_range, chosen_workers
from ivif.fusion.method import resolve_device


def fill_robustness(parser: argparse.ArgumentParser) -> None:
    """Add what ``robustness`` takes."""
    add = parser.add_argument
    add("--out", metavar="DIR", help="run directory, whose folder robustness is filled (default: runs/DATASET)")
    add("--dataset", dest="datasets", action=Several, metavar="NAME", help="default: vifb, if here, and synthetic")
    add("--root", metavar="DIR", help="folder of the data set; default: $IVIF_DATA/NAME or a downloaded copy")
    add("--infrared", metavar="DIR", help="your own pairs: folder of infrared images ...")
    add("--visible", metavar="DIR", help="... and of visible ones with the same file names")
    methods = "bundled method or package.module:Class; default: classical ones, light networks and their +rts"
    add("--method", dest="methods", action=Several, metavar="NAME", help=methods)
    add("--baseline", default=BASELINE, metavar="NAME", help="what others are compared with (default %(default)s)")
    add_corruption_options(parser, ",".join(map(str, DEFAULT_SEVERITIES)))
    add("--metrics", action=Several, metavar="KEY", help="metric or profile; default: core")
    add("--limit", type=int, metavar="N", help="the first N pairs of each data set")
    add_value_range(parser)
    add("--jobs", type=int, metavar="N", help="worker processes (default: one a processor core)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1 (default: auto)")
    add("--seed", type=int, help="of all random patterns (default: 0)")
    add("--list", action="store_true", help="say what would be measured, and stop")
    group = parser.add_argument_group("people")
    flag, found = argparse.BooleanOptionalAction, "find people in labelled pairs (default: in rendered scenes)"
    group.add_argument("--detect", action=flag, help=found)
    group.add_argument("--detector", metavar="FILE", help="weights that ultralytics loads; brings --detect in")
    group.add_argument("--image-size", type=int, metavar="N", help="pixels the detector sees")
    group.add_argument("--labels", metavar="PATH", help="of your own pairs")
    add_backend(parser)
    parser.set_defaults(command=_robustness)


def _robustness(options: argparse.Namespace) -> int:
    given = {key: value for key, value in vars(options).items() if key in RunConfig.model_fields}
    settings: dict[str, Any] = {key: value for key, value in given.items() if value not in (None, [])}
    device = resolve_device(options.device)
    severities = chosen_severities(options) or DEFAULT_SEVERITIES
    plan = plan_robustness(RunConfig.from_dict(settings), options.corruptions, severities, options.baseline, device)
    for name in plan.folders:
        print(f"left out: {name} was fused elsewhere, and can't be asked what it makes of other sources")
    for data in plan.sets:
        levels = len(plan.levels[data.name])
        count = len(data) * levels * len(plan.entrants)
        print(f"{data.name}: {len(data)} pairs x {levels} x {len(plan.entrants)} methods = {count}")
    if options.list:
        return 0
    with chosen_workers(options, plan.out):
        summary = measure_robustness(plan, device)
    done = RobustnessFolder(plan.out)
    every = read_curves(done)
    for name, text in (("summary.csv", summary_csv(every)), ("curves.csv", curves_csv(every))):
        write_atomic(done.folder / name, text.encode())
    write_atomic(done.folder / "leaderboard.md", robustness_text(every, "md").encode())
    page = write_robustness_page(every, done.folder / ROBUSTNESS_PAGE, done.facts.detectors)
    print(robustness_text(every))
    print(f"to open in a browser: {page}")
    _tell(summary)
    return EXIT_FAILURES if summary.failed else 0


def _tell(summary: RobustnessSummary) -> None:
    rate = f" in {summary.seconds:.0f} s" if summary.done else ""
    print(f"{summary.done} fused images measured now{rate}, {summary.kept} still valid from before")
    if summary.effort:
        effort = summary.effort
        print(f"detector: {effort.looked} pictures looked at now, {effort.reused} still valid from before")
    if summary.why_not:
        print(f"nobody was looked for: {summary.why_not}")
    for reason, count in sorted(summary.reasons.items(), key=lambda item: -item[1])[:10]:
        print(f"  {count} values are missing: {reason}")
