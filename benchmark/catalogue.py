"""What there is to choose from, as facts: read from a file, so that nothing of it need be imported.

The command ``catalogue`` writes the file from what is registered, and a test compares the two. Names are looked up here
as people spell them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from ivif.errors import IvifError
from ivif.spelling import did_you_mean, look_up

FILE = Path(__file__).with_name("catalogue.json")


@dataclass(frozen=True)
class MetricFacts:
    """What is told of a metric; see `benchmark.metrics.registry.Metric`.

    Attributes:
        high: None where values have no bound.
        conventions: degenerate cases that are flagged.
        notes: the explanation.
        equal_to: codes whose numbers it equals.
        profiles: names of the sets that it is in.
    """

    key: str
    name: str
    label: str
    better: str
    low: float
    high: float | None
    unit: str
    family: str
    formula: str
    paper: str
    agrees: str
    rewards_noise: bool
    rewards_blur: bool
    identity: float | None
    symmetric: bool
    transposable: bool
    min_side: int
    conventions: list[str]
    notes: str
    equal_to: list[str]
    profiles: list[str]


@dataclass(frozen=True)
class MethodFacts:
    """What is told of a bundled method; see `fusion.method.FusionMethod`.

    Attributes:
        venue, year: of the paper; "" and None where there is none.
        network: whether it has weights.
        here: whether it can be used at once: a classical method, or its weights are shipped.
        trained: the share of the published training that the shipped weights had, "0.5 %"; "-" where there is none.
        published: how its authors' weights can be had, "fetch" or "by hand"; "" where there are none.
        parameters: that training changes; 0 for classical methods.
        gmac: 1e9 multiply-accumulates of a pair of 640x480, as the network is written; None for classical methods.
    """

    name: str
    title: str
    family: str
    input: str
    paper: str
    venue: str
    year: int | None
    slow: bool
    network: bool
    here: bool
    trained: str = "-"
    published: str = ""
    parameters: int = 0
    gmac: float | None = None


@dataclass(frozen=True)
class Catalogue:
    """All metrics and bundled methods, in the order of tables."""

    metrics: list[MetricFacts]
    methods: list[MethodFacts]

    def metric(self, name: str) -> MetricFacts:
        """The metric that somebody means by `name`; raises `IvifError` with the nearest names."""
        key = look_up(name, {facts.key: (facts.label, facts.name) for facts in self.metrics})
        if key is None:
            near = did_you_mean(name, [facts.key for facts in self.metrics]) or "`list metrics` shows all"
            raise IvifError(f"no metric {name!r}; {near}")
        return next(facts for facts in self.metrics if facts.key == key)

    def to_json(self) -> str:
        """Its text in the file."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


@cache
def catalogue() -> Catalogue:
    """What the file holds."""
    content: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return Catalogue(
        [MetricFacts(**facts) for facts in content["metrics"]],
        [MethodFacts(**facts) for facts in content["methods"]],
    )


def matching(names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """The names that any of some patterns such as ``*ssim*`` fits, in any case; all where there is no pattern.

    Examples:
        >>> matching(["vif", "viff", "ssim"], ["VIF?", "s*"])
        ['viff', 'ssim']
    """
    return [name for name in names if not patterns or any(fnmatchcase(name.lower(), p.lower()) for p in patterns)]
