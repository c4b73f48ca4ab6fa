"""The command line of training: one network, or a campaign of many."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import get_args

from ivif._checkout import as_typed
from ivif.datasets.options import add_pair_options, chosen_pairs
from ivif.fusion.method import FusionError, resolve_device
from ivif.fusion.reference.supervision import Aggregation, References
from ivif.fusion.training.campaign import PLANS, Campaign, CampaignPlan, pack
from ivif.fusion.training.recipe import ByReferences, BySources, Recipe
from ivif.fusion.training.recipes import recipe_for
from ivif.fusion.training.trainer import TrainingBudget, TrainingSettings, train, weights_name
from ivif.fusion.weights import find_network_weights


def fill_train(parser: argparse.ArgumentParser) -> None:
    """Add what ``train`` takes."""
    add = parser.add_argument
    add("network", metavar="NETWORK", help="a bundled one, or your own recipe as package.module:Class")
    supervision = "what the loss compares with: the sources as its authors do, or references"
    add("--supervision", choices=("original", "rts"), default="original", help=supervision)
    add("--references", type=Path, metavar="DIR", help=f"of {as_typed('fusion references')}, for rts")
    add("--k", type=int, metavar="K", help="how many of a pair's references are used, best first (default: all)")
    add("--aggregation", choices=get_args(Aggregation), default=ByReferences.aggregation, help="of several references")
    add("--init", default="scratch", metavar="WEIGHTS", help="scratch, original (the shipped weights), or a file")
    add("--recipe", choices=("corrected", "published"), default="corrected", help="mend or keep the authors' slips")
    add_pair_options(parser, default="roadscene")
    add("--limit", type=int, metavar="N", help="train on, and validate on, only what is among the first N pairs")
    add("--out", type=Path, metavar="DIR", help="checkpoint, log and weights (default training/NAME); resumes there")
    add("--budget", metavar="AMOUNT", help="steps in all (500), or time of this call (90s, 40m, 2h); default: all")
    add("--schedule", type=int, metavar="STEPS", help="length of the learning-rate schedule; default: the recipe's")
    add("--rate", choices=("recipe", "one-cycle"), default="recipe", help="one-cycle: warm up, then a cosine down")
    add("--average", type=float, metavar="DECAY", help="ship a running average of the weights (0.99, say)")
    add("--patch", type=int, metavar="PIXELS", help="side of the patches; default: the recipe's")
    add("--batch", type=int, metavar="N", help="patches a step; default: the recipe's")
    add("--learning-rate", type=float, metavar="RATE", help="at the start; default: the recipe's")
    add("--device", default="auto", metavar="NAME")
    add("--bfloat16", action="store_true", help="forward passes in bfloat16")
    add("--half", action="store_true", help="write the weights in half precision")
    add("--seed", type=int, default=0)
    parser.set_defaults(command=_train)


def fill_train_all(parser: argparse.ArgumentParser) -> None:
    """Add what ``train-all`` takes."""
    add = parser.add_argument
    add("networks", nargs="*", metavar="NETWORK", help="these of the plan alone")
    add("--plan", type=Path, metavar="FILE", help=f"YAML (default: {PLANS}/cpu.yaml, with --device cuda cuda.yaml)")
    add("--out", type=Path, default=Path("campaign"), metavar="DIR", help="whatever is begun there is gone on with")
    add("--budget", metavar="TIME", help="90s, 40m or 2h for everything: schedules are cut to what fits")
    add("--device", default="auto", metavar="NAME")
    add("--jobs", type=int, default=0, metavar="N", help="networks trained at a time (default: one a processor core)")
    add(
        "--pack", type=Path, metavar="DIR", help="then weights and curves in zip files of at most 16 MiB, to take along"
    )
    add("--report", action="store_true", help="train nothing, say how far it is")
    parser.set_defaults(command=_train_all)


def _train_all(options: argparse.Namespace) -> int:
    device = resolve_device(options.device)
    plan = CampaignPlan.read(options.plan or PLANS / f"{device.split(':')[0]}.yaml").only(options.networks)
    seconds = TrainingBudget.parse(options.budget, 0).seconds if options.budget else math.inf
    if options.budget and math.isinf(seconds):
        raise FusionError(f"budget {options.budget!r}: a campaign's is a time such as 90s, 40m or 2h")
    campaign = Campaign(plan, options.out, device, seconds)
    if not options.report:
        campaign.run(options.jobs)
    print(campaign.report(), end="")
    for path in pack(campaign, options.pack) if options.pack else ():
        print(path)
    return 0


def _recipe(options: argparse.Namespace) -> Recipe:
    if options.supervision == "original":
        return recipe_for(options.network, BySources(options.recipe == "published"))
    if options.recipe == "published":
        raise FusionError("recipes with references exist in their corrected form alone; leave out --recipe")
    if options.references is None:
        raise FusionError(f"--supervision rts needs --references DIR; {as_typed('fusion references')} makes them")
    return recipe_for(options.network, ByReferences(options.aggregation))


def _initial_weights(recipe: Recipe, options: argparse.Namespace) -> Path | None:
    if options.init == "scratch":
        return None
    if ":" in options.network and not Path(options.init).is_file():
        raise FusionError(f"--init {options.init}: your own network starts from scratch or from a safetensors file")
    return find_network_weights(recipe.network, options.init)


def _train(options: argparse.Namespace) -> int:
    recipe = _recipe(options)
    recipe.customised(options.patch, options.batch, options.learning_rate)
    pairs = chosen_pairs(options)[: options.limit]
    references = References(options.references, options.k) if options.references else None
    if references and options.k and references.most(pairs) < options.k:
        raise FusionError(f"{options.references} has at most {references.most(pairs)} references a pair")
    out = options.out or Path("training", weights_name(recipe))
    settings = TrainingSettings(
        out,
        resolve_device(options.device),
        options.bfloat16,
        half=options.half,
        schedule=options.schedule,
        rate=options.rate,
        average=options.average,
        seed=options.seed,
        initial=_initial_weights(recipe, options),
        references=references,
    )
    manifest = train(recipe, pairs, settings, options.budget)
    if manifest:
        record = manifest.recipe
        shares = (
            f"{record['share_of_published_steps']:.1%} of the recipe's steps, "
            f"{record['share_of_published_pixels']:.1%} of its pixels"
        )
        print(f"{out / weights_name(recipe)}.safetensors: {record['steps']} steps, {record['seconds']} s, {shares}")
        if record.get("not_trained"):
            print(f"not trained yet: {record['not_trained']} (--budget, --schedule)", file=sys.stderr)
    return 0
