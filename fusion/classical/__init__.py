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
    hybrid_guided,
    gradient_transfer,
    latent_low_rank,
    bright_features,
)

__all__ = [
    "bright_features",
    "diffusion",
    "gradient_transfer",
    "guided_filtering",
    "hybrid_guided",
    "hybrid_multiscale",
    "latent_low_rank",
    "pixelwise",
    "pyramids",
    "singular_values",
    "two_scale",
    "wavelets",
    "weighted_least_squares",
]
