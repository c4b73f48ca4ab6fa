"""Explanation: what a metric is, in words, from its facts."""

from __future__ import annotations

from ivif.benchmark.catalogue import MetricFacts, catalogue


def explanation(facts: MetricFacts) -> list[tuple[str, str]]:
    """What is told of a metric beside its notes: terms and what is said under each."""
    unmoved = [what for what, holds in (("swapping", facts.symmetric), ("transposing", facts.transposable)) if holds]
    base = facts.key.partition("@")[0]
    siblings = [f for f in catalogue().metrics if f.key.partition("@")[0] == base and f.key != facts.key]
    arrow = "↑" if facts.better == "higher" else "↓"
    return [
        ("formula", f"{facts.formula}. A: infrared, B: visible, F: fused, all 0..255."),
        ("values", f"{facts.better} is better {arrow}, {range_text(facts)} {facts.unit}".rstrip()),
        ("family", facts.family),
        ("A = B = F", "depends on the picture" if facts.identity is None else f"{facts.identity:g}"),
        ("unmoved by", " and ".join(unmoved) + " the images" if unmoved else "neither swapping nor transposing"),
        ("noise", "adding noise tends to improve it" if facts.rewards_noise else "adding noise does not improve it"),
        ("blur", "blurring tends to improve it" if facts.rewards_blur else "blurring does not improve it"),
        ("smallest image", f"{facts.min_side} pixels a side"),
        ("by convention", "; ".join(["the fused image is constant", *facts.conventions]) + ": flagged"),
        ("equal to", f"{', '.join(facts.equal_to)} (metrics-check shows it)" if facts.equal_to else "no code at hand"),
        ("codes", facts.agrees),
        ("related", "; ".join(f"{f.key}: {f.name}" for f in siblings) or "no variants"),
        ("paper", facts.paper),
        ("profiles", ", ".join(facts.profiles)),
    ]


def range_text(facts: MetricFacts) -> str:
    """The range of values: ``0 .. 8``."""
    return f"{facts.low:g} .. {'inf' if facts.high is None else format(facts.high, 'g')}"
