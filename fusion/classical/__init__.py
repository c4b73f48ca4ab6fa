"""Classical methods, one file a family."""

from fusion.classical import pixelwise

__all__ = ["pixelwise"]
