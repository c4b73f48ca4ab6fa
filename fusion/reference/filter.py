"""Filter: which candidates of a pair are good enough to learn from, which are best, and how much each counts."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ivif.benchmark.metrics import MetricError, Picture, get
from ivif.benchmark.metrics.correlation import pearson
from ivif.datasets.files import sha256_bytes
from ivif.datasets.identity import code_fingerprint
from ivif.fusion.method import FusionError
from ivif.fusion.reference.exposure import clipping, exposedness
from ivif.fusion.reference.regret import KEYS, Yardstick, no_regret

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "information": ("en", "mi"),
    "brightness": ("sd", "exposedness"),
    "complementarity": ("scd",),
    "fidelity": ("vif",),
    "detail": ("qabf", "ag"),
}
"""Metrics of the consensus score; families weigh the same. Those that reward noise (en, sd, ag) have a partner that
does not."""

UNSEEN = ("qcb", "fmi", "msssim", "qcv", "nabf")
"""Metrics by which nothing is chosen, to check choices with (of nabf, only what is far too much is refused)."""

NO_REGRET = "no-regret"
"""The rule that asks what the network which is to learn lacks."""

SMALLEST_DEVIATION = 4.0
"""Standard deviation in grey levels below which a picture counts as constant."""

EXCESS_CLIPPING = 0.1
"""By how much the share of clipped pixels may exceed that of the source that has more of them."""

SMALLEST_CORRELATION = 0.3
"""Correlation with the nearer source below which a picture shows the structure of neither."""

ARTIFACTS = 3.0, 0.05
"""Nabf above this multiple of the pool's median and above this value is one artefact too many."""

AT_ONCE = {"cuda": 32}
"""Pictures that are measured in one batch, by type of device. A processor takes them one by one, which its caches hold.
"""


@dataclass(frozen=True)
class Judged:
    """What the filter says of one candidate.

    Attributes:
        method: its name.
        score: consensus score in 0..1; None where it was rejected.
        metrics: values by key.
        ranks: place in the pool by key, 0 the worst and 1 the best.
        gains: over the result of the network that is to learn, by key, see `Yardstick.gains`; {} without one.
        rejected: the reason; "" where it was not.
    """

    method: str
    score: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    ranks: Mapping[str, float] = field(default_factory=dict)
    gains: Mapping[str, float] = field(default_factory=dict)
    rejected: str = ""


@dataclass(frozen=True)
class Choice:
    """The references of one pair.

    Attributes:
        methods: whose results were chosen, best first.
        weights: one each; their sum is 1.
        judged: all candidates, in pool order.
        yardstick: of the network that is to learn; None without one.
    """

    methods: tuple[str, ...]
    weights: tuple[float, ...]
    judged: tuple[Judged, ...]
    yardstick: Yardstick | None = None


@dataclass(frozen=True)
class Rule:
    """How references are chosen.

    Attributes:
        name: "auto": by consensus; "no-regret": by what each candidate gains over the result of the network that is
            to learn; "random"; "best": the first by consensus alone; "metric:KEY": by one metric; "list:FILE": by a
            person, who wrote a line ``PAIR METHOD [METHOD ...]`` for each pair, best first, names with spaces in
            quotes.
        count: how many references a pair gets at most.
        temperature: of the soft-max that turns scores into weights; infinite for equal weights.
        diversity: what is taken off a candidate's score for being the same picture as one already chosen; correlation
            .9 and below costs nothing.
        seed: of the random rule.
    """

    name: str = "auto"
    count: int = 5
    temperature: float = 0.2
    diversity: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        kind, _, rest = self.name.partition(":")
        known = ("auto", NO_REGRET, "random", "best", "metric", "list")
        if kind not in known or bool(rest) != (kind in ("metric", "list")):
            rules = f"auto, {NO_REGRET}, random, best, metric:KEY or list:FILE"
            raise FusionError(f"filter {self.name!r}: expected {rules}")
        if self.count < 1 or not self.temperature > 0 or not 0 <= self.diversity < float("inf"):
            raise FusionError(
                "a filter chooses at least 1 reference, at a temperature above 0 and a diversity not below"
            )
        if kind == "metric":
            try:
                get(rest)
            except MetricError as error:
                raise FusionError(str(error)) from error
        if kind == "list":
            _read_list(rest)

    def fingerprint(self, pair: str) -> str:
        """A hash that changes when the rule, what it says of this pair, or the code of a metric that it asks does."""
        kind, _, rest = self.name.partition(":")
        listed = _read_list(rest).get(pair, ()) if kind == "list" else ()
        return sha256_bytes(f"{self} {listed} {codes_of(_keys(_own_metric(self)))} {code_fingerprint(choose)}".encode())


def choose(
    rule: Rule,
    pair: str,
    infrared: Tensor,
    visible: Tensor,
    candidates: Mapping[str, Tensor],
    own: Tensor | None = None,
) -> Choice:
    """Choose the references of one pair.

    Args:
        rule: how.
        pair: its name; the random rule and lists go by it.
        infrared, visible: sources, ``uint8 [1, H, W]``, all pictures on one device.
        candidates: fused luminance ``uint8 [1, H, W]`` by method.
        own: what the network that is to learn makes of the pair, if one is meant.

    Raises:
        FusionError: no candidate passed the gates; the list lacks the pair, names a method that is no candidate, or
            none that passed the gates; or the rule asks for the network's own result, and there is none.
    """
    if own is None and rule.name == NO_REGRET:
        raise FusionError(f"filter {NO_REGRET} goes by what a network lacks: say for which one (--for NETWORK)")
    sources = Picture(infrared[None]), Picture(visible[None])
    judged = judge(sources, candidates, _own_metric(rule))
    yardstick = None
    if own is not None:
        yardstick, judged = _against(sources, own, judged)
    passed = {found.method: found for found in judged if not found.rejected}
    if not passed:
        reasons = "; ".join(f"{found.method}: {found.rejected}" for found in judged)
        raise FusionError(f"{pair}: no candidate passed the filter's gates ({reasons or 'there is none'})")
    scores = _scores(rule, pair, judged)
    count = 1 if rule.name == "best" else rule.count
    diversity = rule.diversity if rule.name in ("auto", NO_REGRET) else 0.0
    chosen = _spread(scores, {name: candidates[name] for name in scores}, count, diversity)
    weights = torch.softmax(torch.tensor([scores[name] for name in chosen], dtype=torch.float64) / rule.temperature, 0)
    return Choice(tuple(chosen), tuple(weights.tolist()), tuple(judged), yardstick)


def _against(sources: tuple[Picture, Picture], own: Tensor, judged: Sequence[Judged]) -> tuple[Yardstick, list[Judged]]:
    """What the network's own result asks of candidates, and these with what they gain over it."""
    if reason := _unlike(sources[0], own):
        raise FusionError(f"the result of the network that is to learn: {reason}")
    values = _measure(sources, {"own": own}, KEYS)["own"]
    yardstick = Yardstick.of(own, values, [found.metrics for found in judged if not found.rejected])
    return yardstick, [
        found if found.rejected else replace(found, gains=yardstick.gains(found.metrics)) for found in judged
    ]


def _own_metric(rule: Rule) -> tuple[str, ...]:
    kind, _, key = rule.name.partition(":")
    return (key,) if kind == "metric" else ()


def _keys(more: Sequence[str]) -> list[str]:
    """Whatever is measured: for scores, gates, and `more` to rank by."""
    return list(dict.fromkeys((*(key for family in FAMILIES.values() for key in family), *KEYS, *more)))


def _scores(rule: Rule, pair: str, judged: Sequence[Judged]) -> dict[str, float]:
    """What the rule ranks and weighs candidates by, in 0..1; of equal ones the first comes first."""
    kind, _, rest = rule.name.partition(":")
    passed = [found for found in judged if not found.rejected]
    if kind == "random":
        seed = int(sha256_bytes(f"{rule.seed} {pair}".encode())[:16], 16)
        return {passed[place].method: 1.0 for place in np.random.default_rng(seed).permutation(len(passed)).tolist()}
    if kind == "metric":
        return {found.method: found.ranks[rest] for found in passed}
    if kind == "list":
        return dict.fromkeys(_listed(rest, pair, {found.method: found.rejected for found in judged}), 1.0)
    if kind == NO_REGRET:
        return _unit({found.method: no_regret(found.gains) for found in passed})
    return {found.method: found.score or 0.0 for found in passed}


def _unit(scores: Mapping[str, float]) -> dict[str, float]:
    """Scores scaled to 0..1."""
    low, high = min(scores.values()), max(scores.values())
    return {name: (score - low) / (high - low) if high > low else 1.0 for name, score in scores.items()}


def _listed(path: str, pair: str, rejected: Mapping[str, str]) -> list[str]:
    """What a list names for a pair and passed the gates."""
    named = _read_list(path).get(pair, ())
    if not named:
        raise FusionError(f"{pair} has no line in {path}")
    if unknown := [name for name in named if name not in rejected]:
        raise FusionError(f"{path} names {', '.join(unknown)} for {pair}, whose candidates are {', '.join(rejected)}")
    passed = [name for name in named if not rejected[name]]
    if not passed:
        reasons = "; ".join(f"{name}: {rejected[name]}" for name in named)
        raise FusionError(f"{pair}: whatever {path} names was rejected ({reasons})")
    return passed


def _read_list(path: str) -> Mapping[str, tuple[str, ...]]:
    """Names of methods by pair."""
    try:
        return _parse_list(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise FusionError(f"list {path}: {error}; expected lines PAIR METHOD [METHOD ...] in UTF-8") from error


@lru_cache(maxsize=4)
def _parse_list(text: str) -> Mapping[str, tuple[str, ...]]:
    return {words[0]: tuple(words[1:]) for line in text.splitlines() if (words := shlex.split(line))}


def _spread(scores: Mapping[str, float], images: Mapping[str, Tensor], count: int, diversity: float) -> list[str]:
    """The best, one after the other, each judged by its score less what it repeats of those before."""
    chosen: list[str] = []
    repeated = dict.fromkeys(scores, 0.0)
    while len(chosen) < min(count, len(scores)):
        left = [name for name in scores if name not in chosen]
        chosen.append(max(left, key=lambda name: scores[name] - diversity * repeated[name]))
        if diversity:
            for name in left:
                alike = pearson(images[name][None], Picture(images[chosen[-1]][None])).item()
                repeated[name] = max(repeated[name], (alike - 0.9) / 0.1)
    return chosen


def judge(sources: tuple[Picture, Picture], candidates: Mapping[str, Tensor], more: Sequence[str] = ()) -> list[Judged]:
    """Gates and consensus scores of one pair's candidates, ``uint8 [1, H, W]`` by method; see `choose`.

    Args:
        sources: infrared and visible; what metrics compute of them is kept there for the next call.
        candidates: fused luminance by method.
        more: further metrics to rank by.
    """
    keys = _keys(more)
    reasons = {name: _unlike(sources[0], image) or _broken(sources, image) for name, image in candidates.items()}
    values = _measure(sources, {name: image for name, image in candidates.items() if not reasons[name]}, keys)
    for name, reason in _artificial({name: own["nabf"] for name, own in values.items()}).items():
        reasons[name] = reason
        del values[name]
    ranks = _ranks(values, keys)
    return [
        Judged(name, rejected=reasons[name])
        if reasons[name]
        else Judged(name, consensus(ranks[name]), values[name], ranks[name])
        for name in candidates
    ]


def _measure(
    sources: tuple[Picture, Picture], images: Mapping[str, Tensor], keys: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Metrics of pictures ``uint8 [1, H, W]``, by name and key; several at once where the device likes that."""
    found: dict[str, dict[str, float]] = {name: {} for name in images}
    names, size = list(images), AT_ONCE.get(sources[0].levels.device.type, 1)
    for start in range(0, len(names), size):
        batch = names[start : start + size]
        picture = Picture(torch.stack([images[name] for name in batch]))
        for key in keys:
            for name, value in zip(batch, values_of(key, *sources, picture), strict=True):
                found[name][key] = value
    return found


def consensus(ranks: Mapping[str, float]) -> float:
    """Mean over the families of the mean rank of their metrics, 0..1."""
    return float(np.mean([np.mean([ranks[key] for key in family]) for family in FAMILIES.values()]))


def consensus_among(value: Callable[[str], float], pool: Sequence[Mapping[str, float]]) -> float:
    """Consensus score of a picture that is not in the pool: the share of candidates that it beats, family by family.

    Args:
        value: gives the picture's value by key.
        pool: values of the candidates by key.
    """
    shares = {}
    for key in (key for family in FAMILIES.values() for key in family):
        others, own = np.array([found[key] for found in pool]), value(key)
        shares[key] = float(((others < own) + (others == own) / 2).mean())
    return consensus(shares)


def value_of(key: str, infrared: Picture, visible: Picture, fused: Picture) -> float:
    """A metric, or "exposedness", of one picture; NaN where the picture is too small for it."""
    (value,) = values_of(key, infrared, visible, fused)
    return value


def values_of(key: str, infrared: Picture, visible: Picture, fused: Picture) -> list[float]:
    """As `value_of`, of every picture in a batch."""
    with torch.inference_mode():
        if key == "exposedness":
            return exposedness(fused.levels).tolist()
        metric = get(key)
        if min(fused.size) < metric.min_side:
            return [float("nan")] * len(fused.levels)
        return metric(infrared, visible, fused).values.tolist()


def codes_of(keys: Iterable[str]) -> list[str]:
    """Hashes of the code behind what `value_of` gives for these keys, and of which values are better."""
    return [code_fingerprint(_code(key)) for key in keys]


def _code(key: str) -> object:
    return exposedness if key == "exposedness" else (*get(key).code, get(key).better)


def _unlike(source: Picture, image: Tensor) -> str:
    height, width = source.size
    if image.shape == (1, height, width):
        return ""
    return f"size {image.shape[-1]}x{image.shape[-2]}, the sources have {width}x{height}"


def _broken(sources: tuple[Picture, Picture], image: Tensor) -> str:
    """Why a picture of the right size can be no reference; "" if it may."""
    picture = Picture(image[None])
    deviation = value_of("sd", *sources, picture)
    if deviation < SMALLEST_DEVIATION:
        return f"nearly constant: standard deviation {deviation:.1f} grey levels"
    clipped, allowed = clipping(image), max(clipping(source.levels[0]) for source in sources)
    if clipped > allowed + EXCESS_CLIPPING:
        return f"clipped: {clipped:.0%} of the pixels are black or white, at most {allowed:.0%} of a source's"
    nearer = max(pearson(picture.levels, source).item() for source in sources)
    if nearer < SMALLEST_CORRELATION:
        return f"shows neither source: correlation {nearer:.2f} with the nearer one"
    return ""


def _artificial(artifacts: Mapping[str, float]) -> dict[str, str]:
    if not artifacts:
        return {}
    multiple, floor = ARTIFACTS
    median = float(np.median(list(artifacts.values())))
    return {
        name: f"artefacts: Nabf {value:.3f}, {value / max(median, 1e-9):.1f} times the pool's median"
        for name, value in artifacts.items()
        if value > floor and value > multiple * median
    }


def _ranks(values: Mapping[str, Mapping[str, float]], keys: Sequence[str]) -> dict[str, dict[str, float]]:
    """Place of each candidate by each metric, 0 the worst and 1 the best; equal values share a place, NaN is worst."""
    ranks: dict[str, dict[str, float]] = {name: {} for name in values}
    for key in keys:
        sign = -1.0 if key != "exposedness" and get(key).better == "lower" else 1.0
        numbers = np.nan_to_num([sign * found[key] for found in values.values()], nan=-np.inf)
        others = max(1, len(numbers) - 1)
        for name, number in zip(values, numbers, strict=True):
            below, equal = int((numbers < number).sum()), int((numbers == number).sum()) - 1
            ranks[name][key] = (below + equal / 2) / others if len(numbers) > 1 else 1.0
    return ranks
