"""Classical methods, one file a family."""

from fusion.classical import (
    diffusion,
    guided_filtering,
    hybrid_multiscale,
    pixelwise,
    pyramids,
    singular_values,
    two_scale,
    wavelets,
    weighted_least_squares,
)

__all__ = [
    "diffusion",
    "guided_filtering",
    "hybrid_multiscale",
    "pixelwise",
    "pyramids",
    "singular_values",
    "two_scale",
    "wavelets",
    "weighted_least_squares",
]
