"""Manifest: a JSON file beside each weights file that says where it comes from and what it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from ivif.datasets.files import sha256_bytes, sha256_file, write_atomic
from ivif.fusion.method import FusionError


@dataclass(frozen=True)
class SourceFile:
    """A file that weights were made from.

    Attributes:
        path: its address, or its name where it was not fetched.
        sha256: its checksum.
    """

    path: str
    sha256: str


@dataclass(frozen=True)
class TensorFacts:
    """What is known of a tensor: its sides, its type, and what its source calls it."""

    shape: tuple[int, ...]
    dtype: str
    source_name: str = ""


@dataclass(frozen=True)
class Manifest:
    """What is known of a weights file.

    Attributes:
        network: key of the network that it fits.
        licence: terms of use.
        source: the files it was converted from; empty for weights trained by this project.
        sha256: checksum of the weights file.
        tensors: facts by name.
        left_out: variables of the source that the network has no use for.
        recipe: for weights trained by this project, how.
    """

    network: str
    licence: str
    source: tuple[SourceFile, ...]
    sha256: str
    tensors: dict[str, TensorFacts]
    left_out: tuple[str, ...] = ()
    recipe: dict[str, Any] = field(default_factory=dict)

    @property
    def share(self) -> float | None:
        """Share of the published training's pixels that these weights were trained on; None where none is recorded."""
        return self.recipe.get("share_of_published_pixels")


def share_text(share: float) -> str:
    """A share of the published training as tables show it: ``0.5 %``."""
    return f"{share:.1%}".replace("%", " %") if share >= 0.0005 else "below 0.1 %"


def manifest_path(weights: Path) -> Path:
    """The manifest of a weights file."""
    return weights.with_suffix(".json")


def write_weights(
    path: Path,
    tensors: Mapping[str, Tensor],
    network: str,
    licence: str,
    source: tuple[SourceFile, ...] = (),
    source_names: Mapping[str, str] | None = None,
    left_out: tuple[str, ...] = (),
    recipe: dict[str, Any] | None = None,
) -> Manifest:
    """Write a weights file and its manifest.

    Args:
        path: ends in .safetensors.
        tensors: by name; equal tensors give equal bytes.
        network: see `Manifest`, as are `licence`, `source`, `left_out` and `recipe`.
        licence: terms of use.
        source: where they come from.
        source_names: what the source calls each tensor, where it differs.
        left_out: what was not taken over.
        recipe: how they were trained.

    Raises:
        FusionError: another suffix, which readers would not find.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise FusionError(f"{path}: weights are written as safetensors; end the name in .safetensors")
    # Copies: layers may share a tensor, which the format has no way to say.
    content = save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()})
    manifest = Manifest(
        network, licence, source, sha256_bytes(content), _facts(tensors, source_names or {}), left_out, recipe or {}
    )
    write_atomic(path, content)
    write_atomic(manifest_path(path), (json.dumps(asdict(manifest), indent=1) + "\n").encode())
    return manifest


def read_manifest(weights: Path) -> Manifest:
    """The manifest of a weights file; raises `FusionError` if it is missing or damaged."""
    path = manifest_path(weights)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content["source"] = tuple(SourceFile(**item) for item in content["source"])
        content["tensors"] = {
            name: TensorFacts(tuple(item["shape"]), item["dtype"], item.get("source_name", ""))
            for name, item in content["tensors"].items()
        }
        content["left_out"] = tuple(content.get("left_out", ()))
        return Manifest(**content)
    except FileNotFoundError as error:
        raise FusionError(f"{weights} has no manifest {path.name}") from error
    except (OSError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise FusionError(f"{path}: damaged manifest ({error!r})") from error


def problems(weights: Path) -> list[str]:
    """What is wrong with a weights file by its manifest; empty if nothing is."""
    try:
        manifest = read_manifest(weights)
        tensors = load_file(weights)
    except FusionError as error:
        return [str(error)]
    except (OSError, SafetensorError) as error:
        return [f"{weights}: cannot be read ({error})"]
    found = []
    if (checksum := sha256_file(weights)) != manifest.sha256:
        found.append(f"{weights}: SHA-256 is {checksum}, but {manifest.sha256} in its manifest")
    facts = _facts(tensors, {name: item.source_name for name, item in manifest.tensors.items()})
    differing = sorted(
        name for name in facts.keys() | manifest.tensors.keys() if facts.get(name) != manifest.tensors.get(name)
    )
    if differing:
        found.append(f"{weights}: differs from its manifest in {', '.join(differing[:3])}")
    broken = sorted(name for name, tensor in tensors.items() if not torch.isfinite(tensor).all())
    if broken:
        found.append(f"{weights}: NaN or infinite values in {', '.join(broken[:3])}")
    return found


def _facts(tensors: Mapping[str, Tensor], source_names: Mapping[str, str]) -> dict[str, TensorFacts]:
    return {
        name: TensorFacts(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), source_names.get(name, ""))
        for name, tensor in sorted(tensors.items())
    }
