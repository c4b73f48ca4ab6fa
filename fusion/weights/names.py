"""Names: how the variables of published checkpoints map to the tensors of this package's networks.

A rule is a regular expression for the whole of a published name and what it becomes. Networks without rules carry the
authors' names already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fusion.method import FusionError

Rules = tuple[tuple[str, str], ...]


def _normalisation(scope: str, target: str) -> Rules:
    terms = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
    return tuple((f"{scope}/{theirs}", f"{target}.{ours}") for theirs, ours in terms.items())


def _hand_made_layers(scope: str, layers: str, kind: str) -> Rules:
    """Codes that make each variable themselves: ``SCOPE/LAYER/wLAYER``, ``.../bLAYER``, ``.../weights_SN/u``."""
    return (
        (rf"{scope}/({layers})/w(_?\d\w*)", rf"{kind}.\1.weight"),
        (rf"{scope}/({layers})/b(_?\d\w*)", rf"{kind}.\1.bias"),
        (rf"{scope}/({layers})/weights_SN/u", rf"{kind}.\1.u"),
        *_normalisation(rf"{scope}/({layers})/BatchNorm", r"bn.\1"),
    )


def _tensorflow_layers(scope: str, norm_scope: str, prefix: str = "") -> Rules:
    """Codes on TensorFlow's layers: ``SCOPE/LAYER/kernel``, ``.../bias``, ``SCOPE/bN/batch_normalization/...``."""
    return (
        (rf"{scope}/(\w*conv\w*)/kernel", rf"{prefix}conv.\1.weight"),
        (rf"{scope}/(\w*conv\w*)/bias", rf"{prefix}conv.\1.bias"),
        (rf"{scope}/(flatten\d)/dense/kernel", rf"{prefix}linear.\1.weight"),
        (rf"{scope}/(flatten\d)/dense/bias", rf"{prefix}linear.\1.bias"),
        *_normalisation(rf"{norm_scope}/(b\d)/batch_normalization", rf"{prefix}bn.\1"),
    )


def _numbered_layers() -> Rules:
    """DIDFuse: ``covN.covN.I.NAME``, I counting from 0, or from 1 where reflection padding comes first."""
    layers = {1: "enc1", 2: "enc2", 3: "encB", 4: "encD", 5: "dec5", 6: "dec6", 7: "dec7"}
    rules = []
    for number, layer in layers.items():
        first = 1 if number in (1, 7) else 0
        for index, part in enumerate(("conv", "bn", "act"), first):
            rules.append((rf"cov{number}\.cov{number}\.{index}\.(\w+)", rf"{layer}.{part}.\1"))
    return tuple(rules)


RULES: dict[str, Rules] = {
    "didfuse": _numbered_layers(),
    "pmgi": _hand_made_layers("fusion_model", r"\w+", "conv"),
    "sdnet": _hand_made_layers("fusion_model", r"\w+", "conv"),
    "fusiongan": _hand_made_layers("fusion_model", r"\w+", "conv"),
    "fusiongan discriminator": (
        *_hand_made_layers("discriminator", r"layer_\d", "conv"),
        *_hand_made_layers("discriminator", r"line_\d", "linear"),
    ),
    # The second scope of the decoder's convolutions comes from a name scope that TensorFlow had to make unique.
    "ddcgan": (
        *_tensorflow_layers("Generator/encoder", "Generator/encoder", "encoder."),
        *_tensorflow_layers("Generator_1/decoder", "Generator/decoder", "decoder."),
    ),
    "ddcgan discriminator 1": _tensorflow_layers("Discriminator1", "Discriminator1"),
    "ddcgan discriminator 2": _tensorflow_layers("Discriminator2", "Discriminator2"),
}
"""Rules of each network, and of the discriminators that published checkpoints hold beside the generator."""


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
