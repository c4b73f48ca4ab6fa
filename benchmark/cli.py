"""The command line: run, leaderboard, sheet, complexity, list, explain."""

from __future__ import annotations

import argparse
import io
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from joblib import cpu_count
from tabulate import tabulate

from ivif.benchmark.config import ALL, ConfigError, RunConfig, read_config
from ivif.benchmark.experiments.ablation import Study, ablate, ablation_text
from ivif.benchmark.experiments.cost import cost_table, measure_costs
from ivif.benchmark.experiments.originals import (
    STORED,
    OriginalValues,
    check_metrics,
    checks_table,
    originals_of,
    real_folder,
)
from ivif.benchmark.experiments.stages import measure_stages, stages_text
from ivif.benchmark.metrics import MetricError, get, metric_names, profiles
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
from ivif.benchmark.running.people import Effort
from ivif.benchmark.running.runner import RunError, Summary, run
from ivif.benchmark.store import StoreError
from ivif.datasets.catalog import ENTRIES
from ivif.datasets.files import write_atomic
from ivif.datasets.images import parse_range, write_png
from ivif.datasets.options import SEVERAL, Several, add_pair_options, chosen_pairs
from ivif.datasets.pairs import PairError
from ivif.downstream.detector import DEFAULT_DETECTOR, SHIPPED_DETECTOR
from ivif.fusion import FusionError, load
from ivif.fusion import names as method_names
from ivif.fusion.loading import default_names, network_names, trained_share
from ivif.fusion.method import FusionMethod, resolve_device
from ivif.fusion.reference.cli import add_reference_options, reference_plan
from ivif.fusion.reference.pool import Pool
from ivif.fusion.training.patches import training_split
from ivif.fusion.weights import published_folder
from ivif.fusion.weights.manifest import share_text

EXIT_FAILURES, EXIT_ERROR = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0: all well, 1: some images or methods failed and are recorded, 2: it could not be done."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without arrows gets question marks, not a crash
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (ConfigError, RunError, StoreError, MetricError, FusionError, PairError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        print("interrupted; everything finished is kept, the same command goes on from here", file=sys.stderr)
        return EXIT_ERROR


def _run(options: argparse.Namespace) -> int:
    settings: dict[str, Any] = read_config(options.config) if options.config else {}
    given = {key: value for key, value in vars(options).items() if key in RunConfig.__dataclass_fields__}
    settings |= {key: value for key, value in given.items() if value not in (None, [])}
    settings.setdefault("out", "runs/default")
    config = RunConfig.from_dict(settings).checked()
    left_out = [name for name in method_names() if name not in config.methods]
    if left_out and list(config.methods) == default_names():
        print(f"left out, as they are slow on a CPU: {', '.join(left_out)}; --method {ALL} brings them in")
    summary = run(config)
    boards = Run(config.out).leaderboards()
    for form in ("md", "tex", "csv"):
        write_atomic(config.out / f"leaderboard.{form}", render(boards, form).encode())
    print(render(boards, "terminal"))
    print(f"{summary.done} fused images done now, {summary.kept} still valid from before; results in {config.out}")
    if summary.effort:
        print(_effort(summary.effort, summary.seconds))
    if summary.why_not:
        print(f"nobody was looked for: {summary.why_not}")
    _print_failures(summary)
    return EXIT_FAILURES if summary.failed else 0


def _effort(effort: Effort, total: float) -> str:
    looked = f"{effort.looked} pictures looked at now, {effort.reused} still valid from before"
    return f"detector: {looked}; {effort.seconds:.1f} s, {effort.seconds / total:.0%} of the run's {total:.1f} s"


def _print_failures(summary: Summary) -> None:
    if not summary.failed:
        return
    print(f"{summary.failed} values are missing:")
    for reason, count, example in summary.reasons[:10]:
        print(f"  {count} x {reason}  [{example}]")
    if len(summary.reasons) > 10:
        print(f"  and {len(summary.reasons) - 10} more reasons, in scores/")


def _leaderboard(options: argparse.Namespace) -> int:
    print(render(Run(options.run).leaderboards(), options.format), end="")
    return 0


def _sheet(options: argparse.Namespace) -> int:
    out = options.out or options.run / "sheet.png"
    write_png(out, run_sheet(Run(options.run), options.pairs, options.methods, options.width, options.references))
    print(out)
    return 0


def _complexity(options: argparse.Namespace) -> int:
    width, _, height = options.size.partition("x")
    names = options.methods or network_names()
    size = int(width), int(height)
    print(f"one pair of {options.size} on {options.device}, {options.threads} threads")
    costs = measure_costs(names, size, resolve_device(options.device), options.threads, plain=options.plain)
    print(cost_table(costs))
    return 0


def _list(options: argparse.Namespace) -> int:
    tables = {
        "methods": (["name", "title", "family", "input", "trained", "paper"], _method_rows),
        "metrics": (["key", "name", "better", "range", "unit", "family"], _metric_rows),
        "datasets": (["name", "title", "licence"], _dataset_rows),
    }
    head, rows = tables[options.what]
    print(tabulate(rows(), head, maxcolwidths=[None] * (len(head) - 1) + [70]))
    return 0


def _method_rows() -> list[list[str]]:
    fetched = [name for name in network_names() if (published_folder() / f"{name}.safetensors").is_file()]
    methods = (load(name) for name in (*method_names(), *(f"{name}+published" for name in fetched)))
    return [
        [method.name, method.title, method.family, method.input, _trained(method), method.paper] for method in methods
    ]


def _trained(method: FusionMethod) -> str:
    """The share of the published training that a method's weights had, or whose they are."""
    share = trained_share(method)
    return share_text(share) if share is not None else "authors'" if method.name.endswith("+published") else "-"


def _metric_rows() -> list[list[str]]:
    metrics = (get(key) for key in metric_names())
    return [
        [metric.key, metric.name, metric.better, f"{metric.low:g} .. {metric.high:g}", metric.unit, metric.family]
        for metric in metrics
    ]


def _dataset_rows() -> list[list[str]]:
    return [[entry.key, entry.title, entry.licence] for entry in ENTRIES]


def _variants(options: argparse.Namespace) -> int:
    print(variants_table(readings(Run(options.run), options.pairs, options.methods)))
    return 0


def _temporal(options: argparse.Namespace) -> int:
    print(temporal_table(temporal_scores(Run(options.run))))
    return 0


def _transfer(options: argparse.Namespace) -> int:
    print(transfer_table(*transfer(Run(options.first), Run(options.second))))
    return 0


def _stages(options: argparse.Namespace) -> int:
    pairs = chosen_pairs(options)
    pairs = pairs if options.all_pairs else training_split(pairs)[1]
    print(stages_text(measure_stages(pairs[: options.limit], reference_plan(options), options.jobs)))
    return 0


def _ablate(options: argparse.Namespace) -> int:
    pool = Pool.of(options.pool or options.out / "pool", options.methods or default_names())
    keys = ("out", "network", "steps", "patch", "batch", "learning_rate", "seeds", "held_out", "bfloat16")
    study = Study(pool=pool, **{key: getattr(options, key) for key in keys})
    found = ablate(chosen_pairs(options)[: options.limit], study, options.jobs)
    print(ablation_text(study, found))
    return 0


def _compare(options: argparse.Namespace) -> int:
    of = Run(options.run)
    for board, found in comparisons(of, couples(of, options.methods)):
        print(comparison_text(board, found))
    return 0


def _rts_evidence(options: argparse.Namespace) -> int:
    text = render_evidence(gathered([Run(folder) for folder in options.runs]), options.format)
    if options.out:
        write_atomic(options.out, text.encode())
    print(options.out or text, end="\n" if options.out else "")
    return 0


def _predict(options: argparse.Namespace) -> int:
    print(predictions_table(*predictions(Run(options.run))))
    return 0


def _metrics_check(options: argparse.Namespace) -> int:
    folders = options.golden or [folder for folder in (STORED, real_folder()) if folder.is_dir()]
    values = [OriginalValues(folder) for folder in folders]
    checks = list(check_metrics(values, [get(key).key for key in options.metrics or ()]))
    print(checks_table([found for found in checks if found.compared]))
    return EXIT_FAILURES if any(found.excess > 1 for found in checks) else 0


def _explain(options: argparse.Namespace) -> int:
    metric = get(options.metric)
    better = f"{metric.better} is better {metric.arrow}, {metric.low:g} .. {metric.high:g} {metric.unit}".rstrip()
    unmoved = [what for what, holds in (("swapping", metric.symmetric), ("transposing", metric.transposable)) if holds]
    equal = dict.fromkeys(original.code for original in originals_of(metric.key))
    siblings = [get(key) for key in metric_names() if get(key).base == metric.base and key != metric.key]
    facts = [
        ("formula", f"{metric.formula}. A: infrared, B: visible, F: fused, all 0..255."),
        ("values", better),
        ("family", metric.family),
        ("A = B = F", "depends on the picture" if metric.identity is None else f"{metric.identity:g}"),
        ("unmoved by", " and ".join(unmoved) + " the images" if unmoved else "neither swapping nor transposing"),
        ("noise", "adding noise tends to improve it" if metric.rewards_noise else "adding noise does not improve it"),
        ("blur", "blurring tends to improve it" if metric.rewards_blur else "blurring does not improve it"),
        ("smallest image", f"{metric.min_side} pixels a side"),
        ("by convention", "; ".join(["the fused image is constant", *metric.conventions]) + ": flagged"),
        ("equal to", f"{', '.join(equal)} (metrics-check shows it)" if equal else "no code at hand"),
        ("codes", metric.agrees),
        ("related", "; ".join(f"{sibling.key}: {sibling.name}" for sibling in siblings) or "no variants"),
        ("paper", metric.paper),
        ("profiles", ", ".join(name for name, keys in profiles().items() if metric.key in keys)),
    ]
    print(f"{metric.key}: {metric.name}\n\n{textwrap.indent(metric.notes, '  ')}\n")
    print(tabulate(facts, tablefmt="plain", maxcolwidths=[None, 90]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmark", description="Measure infrared-visible image fusion.", epilog=SEVERAL
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_run(commands.add_parser("run", help="fuse, measure and print the leaderboard"))
    board = commands.add_parser("leaderboard", help="print the leaderboard of a run directory")
    board.add_argument("run", type=Path)
    board.add_argument("--format", choices=FORMATS, default="terminal")
    board.set_defaults(command=_leaderboard)
    listing = commands.add_parser("list", help="what there is to choose from")
    listing.add_argument("what", choices=("methods", "metrics", "datasets"))
    listing.set_defaults(command=_list)
    sheet = commands.add_parser("sheet", help="one picture of the fused images of all methods, to look at")
    sheet.add_argument("run", type=Path)
    sheet.add_argument("--pair", dest="pairs", action=Several, metavar="NAME", help="default: a few")
    sheet.add_argument("--method", dest="methods", action=Several, metavar="NAME", help="default: all")
    sheet.add_argument("-o", "--out", "--output", type=Path, metavar="FILE", help="PNG file (default RUN/sheet.png)")
    beside = "of python -m fusion references: also the best one of each pair, enhanced, and their mean"
    sheet.add_argument("--references", type=Path, metavar="DIR", help=beside)
    sheet.add_argument("--width", type=int, default=240, help="of one picture, in pixels")
    sheet.set_defaults(command=_sheet)
    cost = commands.add_parser("complexity", help="parameters, GMAC, seconds and memory of methods")
    cost.add_argument("--method", dest="methods", action=Several, metavar="NAME", help="default: networks")
    cost.add_argument("--size", default="640x480", metavar="WxH")
    cost.add_argument("--device", default="cpu")
    cost.add_argument("--threads", type=int, default=cpu_count(), help="of PyTorch (default: all cores)")
    cost.add_argument("--plain", action="store_true", help="networks a second time, without what makes them fast")
    cost.set_defaults(command=_complexity)
    variants = commands.add_parser("variants", help="metrics as different codes compute them, and how rankings change")
    variants.add_argument("run", type=Path, help="run directory, measured with --metrics variants")
    variants.add_argument("--pair", dest="pairs", action=Several, metavar="NAME", help="default: mean of all")
    variants.add_argument("--method", dest="methods", action=Several, metavar="NAME", help="default: all")
    variants.set_defaults(command=_variants)
    temporal = commands.add_parser("temporal", help="flicker and warping error of a run on sequences")
    temporal.add_argument("run", type=Path, help="run directory")
    temporal.set_defaults(command=_temporal)
    moved = commands.add_parser("transfer", help="whether methods rank on one run's data as on another's")
    moved.add_argument("first", type=Path, help="run directory")
    moved.add_argument("second", type=Path, help="run directory")
    moved.set_defaults(command=_transfer)
    stages = commands.add_parser("stages", help="references: whether every stage makes better pictures")
    add_reference_options(stages)
    stages.add_argument("--all-pairs", action="store_true", help="not the held-out part of the data set alone")
    stages.set_defaults(command=_stages)
    _add_ablate(commands.add_parser("ablate", help="what references, filter, enhancement and aggregation are worth"))
    versus = commands.add_parser("compare", help="methods against a baseline: paired tests, metric by metric")
    versus.add_argument("run", type=Path, help="run directory")
    named = "baseline, then what to compare with it; default: every network with its +rts counterpart"
    versus.add_argument("methods", nargs="*", metavar="METHOD", help=named)
    versus.set_defaults(command=_compare)
    evidence = commands.add_parser("rts-evidence", help="networks against their +rts counterparts, in one or more runs")
    further = "run directory of networks NAME and NAME+rts; of further seeds as NAME.s1 and NAME.s1+rts"
    evidence.add_argument("runs", nargs="+", type=Path, metavar="RUN", help=further)
    evidence.add_argument("--format", choices=EVIDENCE_FORMATS, default="terminal")
    evidence.add_argument("-o", "--out", "--output", type=Path, metavar="FILE", help="instead of the terminal")
    evidence.set_defaults(command=_rts_evidence)
    predict = commands.add_parser("predict", help="which metric ranks methods as detection and tracking do")
    predict.add_argument("run", type=Path, help="run directory, made with --detect")
    predict.set_defaults(command=_predict)
    check = commands.add_parser("metrics-check", help="every metric beside the original codes' values on stored images")
    folders = "folder of values of original codes, repeatable; default: the bundled one, and $IVIF_GOLDEN/metrics"
    check.add_argument("--golden", action="append", type=Path, metavar="DIR", help=folders)
    check.add_argument("--metrics", action=Several, metavar="KEY", help="default: all")
    check.set_defaults(command=_metrics_check)
    explain = commands.add_parser("explain", help="what a metric measures and how")
    explain.add_argument("metric", metavar="METRIC", help=f"one of {', '.join(metric_names())}")
    explain.set_defaults(command=_explain)
    return parser


def _add_ablate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("network", nargs="?", default="sdnet", metavar="NETWORK", help="trained many times (default %(default)s)")
    add_pair_options(parser, default="roadscene")
    add("--limit", type=int, metavar="N", help="train on, and measure, only what is among the first N pairs")
    add("--held-out", type=int, metavar="N", help="measure the first N held-out pairs")
    add("--out", type=Path, default=Path("ablation"), metavar="DIR", help="finished work there is kept")
    add("--pool", type=Path, metavar="DIR", help="candidates' results, as in references/pool (default: OUT/pool)")
    add("--method", dest="methods", action=Several, metavar="NAME", help="candidate; default: all fast methods")
    add("--steps", type=int, default=Study.steps, help="of every training (default %(default)s)")
    add("--seeds", type=int, default=Study.seeds, metavar="N", help="trainings of each variant (default %(default)s)")
    add("--patch", type=int, metavar="PIXELS", help="side of the patches; default: the recipe's")
    add("--batch", type=int, metavar="N", help="patches a step; default: the recipe's")
    add("--learning-rate", type=float, metavar="RATE", help="at the start; default: the recipe's")
    add("--bfloat16", action="store_true", help="forward passes in bfloat16")
    add("--jobs", type=int, default=0, metavar="N", help="processes (default: one a processor core)")
    parser.set_defaults(command=_ablate)


def _add_run(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--config", type=Path, metavar="FILE", help="settings as YAML (a run's run.yaml too); options below override it"
    )
    add("--out", metavar="DIR", help="run directory (default runs/default); finished work in it is kept")
    add("--dataset", dest="datasets", action=Several, metavar="NAME", help="default: synthetic scenes")
    add("--root", metavar="DIR", help="folder of the data set; default: $IVIF_DATA/NAME or a downloaded copy")
    add("--infrared", metavar="DIR", help="your own pairs: folder of infrared images ...")
    add("--visible", metavar="DIR", help="... and of visible ones with the same file names")
    methods = (
        "bundled method, package.module:Class, NAME=FILE for a network with weights of your own; 'all': every bundled "
        "one; default: all but the slow ones, none if --fused is given"
    )
    add("--method", dest="methods", action=Several, metavar="NAME", help=methods)
    folders = "folder of fused images made elsewhere; 'NAME=DIR/{pair}_x.jpg' for other file names"
    add("--fused", action=Several, metavar="NAME=DIR", help=folders)
    add("--metrics", action=Several, metavar="KEY", help="metric or profile; default: core")
    add("--limit", type=int, metavar="N", help="the first N pairs of each data set")
    add(
        "--value-range",
        type=parse_range,
        metavar="LOW:HIGH",
        help="black and white level of 16-bit source files; --value-range=LOW:HIGH if LOW is negative",
    )
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
    parser.set_defaults(command=_run)
