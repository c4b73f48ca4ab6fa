"""The command that writes the catalogue, from everything that is registered."""

from __future__ import annotations

import argparse
from dataclasses import replace
from math import isinf

from ivif.benchmark.catalogue import FILE, Catalogue, MethodFacts, MetricFacts
from ivif.benchmark.experiments.cost import multiply_accumulates, parameter_count
from ivif.benchmark.experiments.originals import originals_of
from ivif.benchmark.metrics import Metric, get, metric_names, profiles
from ivif.datasets.files import write_atomic
from ivif.fusion.loading import bundled
from ivif.fusion.method import FusionMethod
from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.weights import SHIPPED_FOLDER
from ivif.fusion.weights.manifest import read_manifest, share_text
from ivif.fusion.weights.published import PublishedWeights


def fill_catalogue(parser: argparse.ArgumentParser) -> None:
    """Add what ``catalogue`` takes: nothing."""
    parser.set_defaults(command=_catalogue)


def _catalogue(_: argparse.Namespace) -> int:
    write_atomic(FILE, registered_facts().to_json().encode())
    print(FILE)
    return 0


def registered_facts() -> Catalogue:
    """The facts of all that this project registers."""
    metrics = [metric_facts(get(key)) for key in metric_names()]
    return Catalogue(metrics, [facts for cls in bundled().values() for facts in _method_facts(cls)])


def metric_facts(metric: Metric) -> MetricFacts:
    """What a metric says of itself."""
    same = {name: getattr(metric, name) for name in MetricFacts.__dataclass_fields__ if hasattr(metric, name)}
    return MetricFacts(
        **same
        | {
            "high": None if isinf(metric.high) else metric.high,
            "conventions": list(metric.conventions),
            "equal_to": list(dict.fromkeys(original.code for original in originals_of(metric.key))),
            "profiles": [name for name, keys in profiles().items() if metric.key in keys],
        }
    )


def _method_facts(cls: type[FusionMethod]) -> list[MethodFacts]:
    """A method, and its forms with other weights that are shipped."""
    network = issubclass(cls, NetworkMethod)
    same = {name: getattr(cls, name) for name in MethodFacts.__dataclass_fields__ if hasattr(cls, name)}
    plain = MethodFacts(**same | {"network": network, "here": not network, "published": ""})
    if not issubclass(cls, NetworkMethod):
        return [plain]
    plain = replace(plain, parameters=parameter_count(cls), gmac=round(multiply_accumulates(cls), 3))
    forms = {cls.name: (cls.title, cls.published), f"{cls.name}+rts": (f"{cls.title} (RtS)", cls.published_rts)}
    return [_with_weights(replace(plain, name=name, title=title), found) for name, (title, found) in forms.items()]


def _with_weights(facts: MethodFacts, published: PublishedWeights | None) -> MethodFacts:
    file = SHIPPED_FOLDER / f"{facts.name}.safetensors"
    share = read_manifest(file).share if file.is_file() else None
    way = "" if published is None else "fetch" if published.files else "by hand"
    return replace(facts, here=file.is_file(), trained="-" if share is None else share_text(share), published=way)
