"""The commands that are experiments: metrics beside the original codes, costs, references, ablations."""

from __future__ import annotations

import argparse
from pathlib import Path

from joblib import cpu_count

from ivif.benchmark.experiments.ablation import Study, ablate, ablation_text
from ivif.benchmark.experiments.cost import cost_table, measure_costs
from ivif.benchmark.experiments.originals import STORED, OriginalValues, check_metrics, checks_table, real_folder
from ivif.benchmark.experiments.projection import measure_units, projection_text
from ivif.benchmark.experiments.stages import measure_stages, stages_text
from ivif.benchmark.metrics import expand_keys, get
from ivif.command_line import EXIT_FAILURES
from ivif.datasets.options import Several, add_pair_options, chosen_pairs, frame_size
from ivif.fusion.loading import default_names, network_names
from ivif.fusion.method import resolve_device
from ivif.fusion.reference.cli import add_reference_options, reference_plan
from ivif.fusion.reference.pool import Pool
from ivif.fusion.results import MethodResults, parse
from ivif.fusion.training.patches import training_split


def fill_complexity(parser: argparse.ArgumentParser) -> None:
    """Add what ``complexity`` takes."""
    add = parser.add_argument
    add("--method", dest="methods", action=Several, metavar="NAME", help="default: networks")
    add("--size", type=frame_size, default=(640, 480), metavar="WxH", help="default: 640x480")
    add("--device", default="cpu")
    add("--threads", type=int, default=cpu_count(), help="of PyTorch (default: all cores)")
    add("--plain", action="store_true", help="networks a second time, without what makes them fast")
    parser.set_defaults(command=_complexity)


def _complexity(options: argparse.Namespace) -> int:
    names = options.methods or network_names()
    print(f"one pair of {options.size[0]}x{options.size[1]} on {options.device}, {options.threads} threads")
    costs = measure_costs(names, options.size, resolve_device(options.device), options.threads, plain=options.plain)
    print(cost_table(costs))
    return 0


def fill_estimate(parser: argparse.ArgumentParser) -> None:
    """Add what ``estimate`` takes."""
    add_pair_options(parser, default="synthetic")
    add = parser.add_argument
    add("--limit", type=int, default=3, metavar="N", help="pairs that are measured (default %(default)s)")
    add("--method", dest="methods", action=Several, metavar="NAME", help="default: all but the slow ones")
    add("--metrics", action=Several, metavar="KEY", help="metric or profile; default: core")
    add("--pairs", type=int, default=100_000, metavar="N", help="of the large run (default %(default)s)")
    add("--count", type=int, default=50, metavar="N", help="methods of the large run (default %(default)s)")
    add("--workers", type=int, nargs="+", default=[8, 64, 512], metavar="N", help="default: 8 64 512")
    parser.set_defaults(command=_estimate)


def _estimate(options: argparse.Namespace) -> int:
    chosen = [parse(text) for text in options.methods or default_names()]
    methods = [results for results in chosen if isinstance(results, MethodResults)]
    keys = expand_keys(options.metrics or ["core"])
    costs = measure_units(chosen_pairs(options)[: options.limit], methods, keys)
    print(projection_text(costs, options.pairs, options.count, options.workers))
    return 0


def fill_stages(parser: argparse.ArgumentParser) -> None:
    """Add what ``stages`` takes."""
    add_reference_options(parser)
    parser.add_argument("--all-pairs", action="store_true", help="not the held-out part of the data set alone")
    parser.set_defaults(command=_stages)


def _stages(options: argparse.Namespace) -> int:
    pairs = chosen_pairs(options)
    pairs = pairs if options.all_pairs else training_split(pairs)[1]
    print(stages_text(measure_stages(pairs[: options.limit], reference_plan(options), options.jobs)))
    return 0


def fill_metrics_check(parser: argparse.ArgumentParser) -> None:
    """Add what ``metrics-check`` takes."""
    folders = "folder of values of original codes, repeatable; default: the bundled one, and $IVIF_GOLDEN/metrics"
    parser.add_argument("--golden", action="append", type=Path, metavar="DIR", help=folders)
    parser.add_argument("--metrics", action=Several, metavar="KEY", help="default: all")
    parser.set_defaults(command=_metrics_check)


def _metrics_check(options: argparse.Namespace) -> int:
    folders = options.golden or [folder for folder in (STORED, real_folder()) if folder.is_dir()]
    values = [OriginalValues(folder) for folder in folders]
    checks = list(check_metrics(values, [get(key).key for key in options.metrics or ()]))
    print(checks_table([found for found in checks if found.compared]))
    return EXIT_FAILURES if any(found.excess > 1 for found in checks) else 0


def fill_ablate(parser: argparse.ArgumentParser) -> None:
    """Add what ``ablate`` takes."""
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


def _ablate(options: argparse.Namespace) -> int:
    pool = Pool.of(options.pool or options.out / "pool", options.methods or default_names())
    keys = ("out", "network", "steps", "patch", "batch", "learning_rate", "seeds", "held_out", "bfloat16")
    study = Study(pool=pool, **{key: getattr(options, key) for key in keys})
    found = ablate(chosen_pairs(options)[: options.limit], study, options.jobs)
    print(ablation_text(study, found))
    return 0
