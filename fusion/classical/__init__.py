"""Classical methods, one file a family."""

from ivif.fusion.classical import (  # isort: skip (the order in which methods are listed)
    pixelwise,
    pyramids,
    wavelets,
    singular_values,
    diffusion,
    two_scale,
    guided_filtering,
    hybrid_multiscale,
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
