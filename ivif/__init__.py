"""Infrared-visible image fusion: methods, metrics that equal their originals, and leaderboards one can trust."""

from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]

if (_ROOT / "pyproject.toml").is_file() and (_ROOT / "benchmark").is_dir():
    __path__.insert(0, str(_ROOT))  # a checkout, where the packages stand at the top
