"""Training note: what is said of methods whose weights had less than the published training."""

from __future__ import annotations

from collections.abc import Mapping

from ivif.fusion.weights.manifest import share_text

BRIEFLY_TRAINED = "†"
"""Marks methods whose numbers are not those of the published network."""


def about_training(shares: Mapping[str, float]) -> str:
    """Of methods whose weights had less than the published training: which share of it, in pixels seen."""
    every = ", ".join(f"{name} {share_text(share)}" for name, share in sorted(shares.items()))
    return (
        f"weights trained with this project for a share of the published training (pixels seen): {every}; "
        "NAME+published are the authors'."
    )
