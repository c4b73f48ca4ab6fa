"""Renaming: how the variables of published checkpoints map to the tensors of this package's networks.

A rule is a regular expression for the whole of a published name and what it becomes. Rules are with the network that
they are of; here are those that codes of several networks have in common. Networks without rules carry the authors'
names already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ivif.fusion.method import FusionError

Rules = tuple[tuple[str, str], ...]


def normalisation(scope: str, target: str) -> Rules:
    """Variables of TensorFlow's batch normalisations."""
    terms = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
    return tuple((f"{scope}/{theirs}", f"{target}.{ours}") for theirs, ours in terms.items())


def hand_made_layers(scope: str, layers: str, kind: str) -> Rules:
    """Codes that make each variable themselves: ``SCOPE/LAYER/wLAYER``, ``.../bLAYER``, ``.../weights_SN/u``."""
    return (
        (rf"{scope}/({layers})/w(_?\d\w*)", rf"{kind}.\1.weight"),
        (rf"{scope}/({layers})/b(_?\d\w*)", rf"{kind}.\1.bias"),
        (rf"{scope}/({layers})/weights_SN/u", rf"{kind}.\1.u"),
        *normalisation(rf"{scope}/({layers})/BatchNorm", r"bn.\1"),
    )


def new_names(published: Iterable[str], rules: Rules) -> dict[str, str]:
    """This package's name for each published one; names that no rule knows are left out.

    Raises:
        FusionError: two published names become the same one.
    """
    found: dict[str, str] = {}
    for name in published:
        for pattern, replacement in rules:
            if match := re.fullmatch(pattern, name):
                found[name] = match.expand(replacement)
                break
    if len(set(found.values())) < len(found):
        twice = sorted({new for new in found.values() if list(found.values()).count(new) > 1})
        raise FusionError(f"several variables become {', '.join(twice[:3])}; is this one network's checkpoint?")
    return found
