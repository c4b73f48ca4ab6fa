"""Registry: every metric with its facts, stated once; help, tables and checks are made from them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Literal, NamedTuple, TypedDict, TypeVar, Unpack

import torch
from torch import Tensor

from ivif.benchmark.metrics.picture import MetricError, Picture, is_constant
from ivif.plugins import named_object
from ivif.spelling import did_you_mean, look_up

Function = Callable[[Picture, Picture, Picture], Tensor]
"""(infrared, visible, fused) to ``float64 [B]``."""

Registered = TypeVar("Registered", bound=Function)

Direction = Literal["higher", "lower"]
"""Which values are better."""


class Measured(NamedTuple):
    """What a metric says of a batch.

    Attributes:
        values: ``float64 [B]``; NaN where the definition gives no number.
        flags: for each image, why its value is a convention rather than a measurement; "" for ordinary images.
    """

    values: Tensor
    flags: list[str]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric and its facts.

    Attributes:
        key: name in commands and files; a variant of ``key`` is called ``key@variant``.
        name: the field's full term.
        label: the short form tables print.
        function: the definition, on pictures.
        better: "higher" or "lower".
        low, high: the range of values; `high` is what is never exceeded.
        unit: "" for pure numbers.
        family: what it looks at; metrics of one family tend to agree.
        formula: the definition in plain text.
        paper: where it comes from.
        agrees: which codes in circulation give the same number, and what others do instead.
        rewards_noise: whether adding noise to a fused image tends to improve the value.
        rewards_blur: whether blurring a fused image tends to improve the value.
        identity: value where both sources and the fused image are the same picture; None where that depends on it.
        symmetric: whether swapping the sources changes nothing.
        transposable: whether transposing all three images changes nothing.
        min_side: smallest height and width it is defined on.
        conventions: name of a degenerate case to the predicate that finds it, ``bool [B]``.
    """

    key: str
    name: str
    label: str
    function: Function
    better: Direction = "higher"
    low: float = 0.0
    high: float = inf
    unit: str = ""
    family: str
    formula: str
    paper: str
    agrees: str = ""
    rewards_noise: bool
    rewards_blur: bool = False
    identity: float | None = None
    symmetric: bool = True
    transposable: bool = True
    min_side: int = 1
    conventions: Mapping[str, Function] = field(default_factory=dict)

    @property
    def base(self) -> str:
        """The key of the default definition: "ssim" of "ssim@cddfuse", and of "ssim" itself."""
        return self.key.partition(VARIANT)[0]

    @property
    def arrow(self) -> str:
        """The direction of better values as tables print it."""
        return "↑" if self.better == "higher" else "↓"

    @property
    def code(self) -> tuple[object, ...]:
        """What decides its values and flags, of which `datasets.identity.code_fingerprint` makes a hash."""
        return type(self).__call__, self.function, self.conventions, self.min_side

    @property
    def notes(self) -> str:
        """The explanation in the function's docstring."""
        return inspect.cleandoc(self.function.__doc__ or "")

    def __call__(self, infrared: Tensor | Picture, visible: Tensor | Picture, fused: Tensor | Picture) -> Measured:
        """Measure a batch of fused images.

        Args:
            infrared, visible: sources, ``uint8 [B or 1, 1, H, W]``; `Picture` objects keep what was computed on them.
            fused: ``uint8 [B, 1, H, W]``.

        Raises:
            MetricError: no 8-bit luminance, different sizes, or smaller than the metric is defined on.
        """
        pictures = [image if isinstance(image, Picture) else Picture(image) for image in (infrared, visible, fused)]
        self._check(pictures)
        values = self.function(*pictures)
        return Measured(values, self._flags(pictures, len(values)))

    def _check(self, pictures: Sequence[Picture]) -> None:
        sizes = [f"{picture.size[1]}x{picture.size[0]}" for picture in pictures]
        if len(set(sizes)) > 1:
            raise MetricError(f"sizes differ: infrared {sizes[0]}, visible {sizes[1]}, fused {sizes[2]}")
        if min(pictures[0].size) < self.min_side:
            raise MetricError(f"{self.key} needs at least {self.min_side} pixels a side, the images are {sizes[0]}")
        batch = len(pictures[2].levels)
        if any(len(picture.levels) not in (1, batch) for picture in pictures):
            raise MetricError(f"{batch} fused images need 1 or {batch} source pairs")

    def _flags(self, pictures: Sequence[Picture], batch: int) -> list[str]:
        flags = [""] * batch
        for reason, predicate in {**_COMMON_CONVENTIONS, **self.conventions}.items():
            for index, hit in enumerate(predicate(*pictures).expand(batch).tolist()):
                if hit:
                    flags[index] = f"{flags[index]}; {reason}".lstrip("; ")
        return flags


_COMMON_CONVENTIONS: Mapping[str, Function] = {
    "the fused image is constant": lambda infrared, visible, fused: is_constant(fused),
}
_METRICS: dict[str, Metric] = {}

VARIANT = "@"
"""What separates the name of a variant from the key of the default definition."""

PROFILES: dict[str, tuple[str, ...]] = {
    "core": ("en", "sd", "mi", "scd", "vif", "qabf"),
    "cddfuse": ("en", "sd", "sf", "mi@nats", "scd", "vif", "qabf", "ssim@cddfuse"),
    "vifb": (
        *("ce", "en", "mi@vifb", "psnr@vifb", "ag@vifb", "ei", "qabf"),
        *("sd", "sf@vifb", "qcb", "qcv", "rmse@vifb", "ssim"),
    ),
    "tno-xlsx": (
        *("en", "sd@uint8sat", "sf@unit", "mi", "cc", "scd", "vif@uint8sat", "qabf"),
        *("nabf", "psnr@lft", "mse@lft", "ag@vifb", "ssim@mean", "mefssim"),
    ),
}
"""Named sets of metrics, in table order; "all" is every default definition, "variants" every registered metric.

The others are the columns of tables in circulation, each metric as their code computes it: "cddfuse" of papers that use
CDDFuse's evaluator, "vifb" of the VIFB benchmark, "tno-xlsx" of a widely used TNO table made with LFT's code.
"""


class Facts(TypedDict, total=False):
    """What a registration may say of a metric beside its names, formula and agreement with codes; see `Metric`."""

    better: Direction
    low: float
    high: float
    unit: str
    family: str
    paper: str
    rewards_noise: bool
    rewards_blur: bool
    identity: float | None
    symmetric: bool
    transposable: bool
    min_side: int
    conventions: Mapping[str, Function]


def metric(
    key: str, name: str, *, label: str = "", formula: str, agrees: str = "", **facts: Unpack[Facts]
) -> Callable[[Registered], Registered]:
    """Decorator: registers the default definition of a metric and returns it unchanged.

    Args:
        key: see `Metric`.
        name: likewise.
        formula: likewise.
        agrees: likewise.
        label: see `Metric`; default: the key in capitals.
        facts: see `Metric`; family, paper and `rewards_noise` have no defaults.
    """

    def register(function: Registered) -> Registered:
        named = label or key.upper()
        _add(Metric(key=key, name=name, label=named, function=function, formula=formula, agrees=agrees, **facts))
        return function

    return register


SUFFIX_LABELS = {
    "vifb": "VIFB",
    "lft": "LFT",
    "cddfuse": "CDDFuse",
    "zliu": "Liu",
    "petrovic": "Petrović",
    "uint8sat": "uint8",
    "unit": "0..1",
    "wrapsafe": "wrap-safe",
    "dct": "DCT",
}
"""What labels say of a variant in place of the suffix of its key, where that is not the suffix itself."""


def variant(
    key: str, name: str, *, formula: str, agrees: str, **differences: Unpack[Facts]
) -> Callable[[Registered], Registered]:
    """Decorator: registers another definition of a metric and returns it unchanged.

    What is not said is as in the default definition. Its key is the part of `key` before the @, which is written whole
    because that is what people type and search for.

    Args:
        key: see `Metric`.
        name: ``{}`` stands for the name of the default definition.
        formula: see `Metric`; never that of the default definition.
        agrees: likewise.
        differences: other facts that differ, see `Metric`.

    Raises:
        MetricError: the default definition is not registered (yet).
    """
    base, _, suffix = key.partition(VARIANT)

    def register(function: Registered) -> Registered:
        default = get(base)
        own = replace(default, key=key, function=function, formula=formula, agrees=agrees, **differences)
        label = f"{default.label} ({SUFFIX_LABELS.get(suffix, suffix)})"
        _add(replace(own, name=name.format(default.name), label=label))
        return function

    return register


def _add(registered: Metric) -> None:
    if registered.key in _METRICS:
        raise ValueError(f"two metrics are called {registered.key!r}")
    _METRICS[registered.key] = registered


def metric_names() -> list[str]:
    """Keys of all metrics, in table order."""
    return list(_METRICS)


def get(key: str) -> Metric:
    """The metric that `key` means, as papers spell it too (``MS-SSIM``, ``Q_abf``), or ``package.module:function``.

    Raises:
        MetricError: there is none; the message has the nearest keys and profiles.
    """
    found = look_up(key, {known: (its.label, its.name) for known, its in _METRICS.items()})
    if found is None:
        if (own := named_object("metrics", key, MetricError)) is not None:
            return _own(key, own)
        near = did_you_mean(key, [*_METRICS, *profiles()]) or "`list metrics` shows all"
        raise MetricError(f"no metric {key!r}; {near}")
    return _METRICS[found]


def _own(name: str, function: Function) -> Metric:
    """A metric of somebody's own, called as it was named, so that other processes find it by that."""
    for registered in _METRICS.values():
        if registered.function is function:
            return replace(registered, key=name)
    raise MetricError(f"{name} is no metric: decorate the function with ivif.benchmark.metrics.metric(...)")


def profiles() -> dict[str, tuple[str, ...]]:
    """Profiles by name, "all" and "variants" included."""
    ours = tuple(key for key, its in _METRICS.items() if its.function.__module__.startswith("ivif."))
    return {**PROFILES, "all": tuple(key for key in ours if VARIANT not in key), "variants": ours}


def expand_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """Keys and profile names to keys, each once, in the order given; raises `MetricError` for unknown ones.

    Examples:
        >>> expand_keys(["vif", "core", "MS-SSIM"])
        ('vif', 'en', 'sd', 'mi', 'scd', 'qabf', 'msssim')
        >>> expand_keys(["qabff"])
        Traceback (most recent call last):
        ivif.benchmark.metrics.picture.MetricError: no metric 'qabff'; did you mean qabf or nabf or labf?
    """
    known = profiles()
    flat = [key for name in keys for key in known.get(name.lower(), (name,))]
    return tuple(dict.fromkeys(get(key).key for key in flat))


def measure(
    infrared: Tensor | Picture,
    visible: Tensor | Picture,
    fused: Tensor | Picture,
    keys: Sequence[str] = ("core",),
) -> dict[str, Measured]:
    """Several metrics at once, sharing what they have in common.

    Args:
        infrared: see `Metric.__call__`.
        visible: likewise.
        fused: likewise.
        keys: metric keys or profile names.

    Returns:
        key to values and flags, in the order of `keys`.
    """
    pictures = [image if isinstance(image, Picture) else Picture(image) for image in (infrared, visible, fused)]
    with torch.inference_mode():
        return {key: get(key)(*pictures) for key in expand_keys(keys)}
