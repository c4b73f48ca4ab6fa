"""Convert: checkpoints as their authors published them, to safetensors files that fit this package's networks.

PyTorch files are read with ``weights_only=True``, which refuses pickles that would run code; TensorFlow checkpoints by
`fusion.weights.tensorflow`, as numbers; an array of NumPy is a tensor that is called like its file.
"""

from __future__ import annotations

import pickle  # the name of an error alone  # nosec B403
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from ivif.datasets.files import sha256_bytes, sha256_file
from ivif.fusion.method import FusionError
from ivif.fusion.registry import lookup_name
from ivif.fusion.weights import published_folder
from ivif.fusion.weights.manifest import Manifest, SourceFile, write_weights
from ivif.fusion.weights.renaming import new_names
from ivif.fusion.weights.tensorflow import data_files, index_file, read_bundle

if TYPE_CHECKING:
    from ivif.fusion.networks.base import NetworkMethod

CHECKPOINT_SUFFIXES = (".pkl", ".pth", ".pt", ".model", ".ckpt", ".tar", ".npy")
"""What names of checkpoints end in that are not TensorFlow's."""
_COUNTER = ".num_batches_tracked"
_WRAPPERS = ("weight", "state_dict", "params_ema", "params", "model")
"""Keys under which training codes put a state dictionary beside epoch numbers and the like."""


def convert(
    network: type[NetworkMethod],
    sources: Sequence[Path],
    target: Path,
    licence: str = "unknown",
    addresses: Mapping[str, str] | None = None,
) -> Manifest:
    """Convert a checkpoint.

    Args:
        network: the method class of the network.
        sources: the checkpoint's files (all of them: a network may be stored in parts), or one folder of them.
        target: the safetensors file to write; its manifest goes beside it.
        licence: terms of use, for the manifest.
        addresses: where files come from, by file name, for the manifest; others are recorded by their names.

    Raises:
        FusionError: a file cannot be read safely, or the checkpoint is another network's.
    """
    files = checkpoint_files(sources)
    published = read_checkpoint(files)
    tensors, origin = to_network(network, published)
    known = addresses or {}
    return write_weights(
        target,
        tensors,
        lookup_name(network),
        licence,
        tuple(SourceFile(known.get(path.name, path.name), sha256_file(path)) for path in files),
        origin,
        tuple(sorted(published.keys() - origin.values())),
    )


def as_safetensors(network: type[NetworkMethod], path: Path) -> Path:
    """`path` itself if it is a safetensors file, else its conversion, kept in the cache.

    It is found again by the checksum of the content and the names of the network's tensors, which a network that is
    being worked on may change.

    Raises:
        FusionError: see `convert`.
    """
    path = Path(path).expanduser()
    if path.suffix == ".safetensors":
        return path
    files = checkpoint_files([path])
    digest = sha256_bytes(" ".join((*map(sha256_file, files), *network.module().state_dict())).encode())
    target = published_folder() / "converted" / f"{network.name}-{digest[:16]}.safetensors"
    if not target.is_file():
        convert(network, files, target)
    return target


def checkpoint_files(sources: Sequence[Path]) -> list[Path]:
    """The files that make up a checkpoint: a TensorFlow index brings its data along, a folder what lies in it.

    Raises:
        FusionError: there are none, or a folder holds several TensorFlow checkpoints.
    """
    files: list[Path] = []
    for source in map(Path, sources):
        if source.is_dir():
            indices = sorted(source.glob("*.index"))
            if len(indices) > 1:
                names = ", ".join(path.name for path in indices)
                raise FusionError(f"{source} holds several checkpoints ({names}): name one of them")
            found = indices or sorted(path for path in source.iterdir() if path.suffix in CHECKPOINT_SUFFIXES)
            if not found:
                raise FusionError(f"{source} holds no checkpoint (*.index, *{', *'.join(CHECKPOINT_SUFFIXES)})")
            files += checkpoint_files(found)
        elif index_file(source).is_file():
            parts = [index_file(source), *data_files(index_file(source))]
            if absent := next((path for path in parts if not path.is_file()), None):
                raise FusionError(f"{absent}: cannot be read (no such file); a checkpoint has an index and data")
            files += parts
        elif source.is_file():
            files.append(source)
        else:
            raise FusionError(f"{source}: there is no such file, folder or TensorFlow checkpoint")
    return list(dict.fromkeys(files))


def holds_checkpoint(folder: Path) -> bool:
    """Whether any file of a folder is called like a checkpoint's."""
    return any(path.suffix in (".index", *CHECKPOINT_SUFFIXES) for path in folder.iterdir())


def read_checkpoint(files: Sequence[Path]) -> dict[str, Tensor]:
    """All tensors of a checkpoint's files, in PyTorch's layout, under their published names.

    Raises:
        FusionError: a file is missing, damaged, would run code, or holds something else; or two files hold the same
            tensor.
    """
    tensors: dict[str, Tensor] = {}
    for path in files:
        if ".data-" in path.name:
            continue
        part = _READERS.get(path.suffix, _read_pytorch)(path)
        if twice := sorted(tensors.keys() & part.keys()):
            raise FusionError(f"{path} and another file both hold {', '.join(twice[:3])}; give one network's files")
        tensors |= part
    return tensors


def _read_tensorflow(index: Path) -> dict[str, Tensor]:
    return {name: torch_layout(name, value) for name, value in read_bundle(index).items()}


def torch_layout(name: str, value: NDArray) -> Tensor:
    """A TensorFlow variable as PyTorch orders it: kernels HWIO to OIHW, matrices ``[in, out]`` to ``[out, in]``.

    The vector of a power iteration, ``[1, out]``, is no matrix of a layer and stays as it is.
    """
    tensor = torch.from_numpy(value)
    if tensor.ndim == 4:
        tensor = tensor.permute(3, 2, 0, 1)
    elif tensor.ndim == 2 and not name.endswith("/u"):
        tensor = tensor.T
    return tensor.contiguous()


def _read_pytorch(path: Path) -> dict[str, Tensor]:
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _unpickle(path)
    except pickle.UnpicklingError as error:
        raise FusionError(
            f"{path}: refused, because it is damaged or holds more than tensors and plain values, which could run any "
            "code; only state dictionaries are read"
        ) from error
    except Exception as error:  # both readers raise whatever a damaged file makes of their code
        raise FusionError(f"{path}: not a checkpoint that can be read ({error})") from error
    for _ in range(_LAYERS):  # a damaged file may hold itself
        if not isinstance(content, Mapping) or _is_state(content):
            break
        content = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
    if not isinstance(content, Mapping) or not content or not _is_state(content):
        raise FusionError(f"{path}: expected a state dictionary, alone or under one of {', '.join(_WRAPPERS)}")
    return {str(name).removeprefix("module."): tensor for name, tensor in content.items()}


_LAYERS = 5
"""Wrappers around a state dictionary that are looked through."""


def _is_state(content: Mapping[object, object]) -> bool:
    return all(isinstance(value, Tensor) for value in content.values())


def _read_array(path: Path) -> dict[str, Tensor]:
    try:
        return {path.stem: torch.from_numpy(np.load(path, allow_pickle=False))}
    except (OSError, ValueError, TypeError) as error:
        raise FusionError(f"{path}: not an array of numbers that can be read ({error})") from error


_READERS = {".index": _read_tensorflow, ".npy": _read_array}
"""By what a file's name ends in; files of other names are PyTorch's."""


def _unpickle(path: Path) -> object:
    return torch.load(path, map_location="cpu", weights_only=True)


def to_network(
    network: type[NetworkMethod], published: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Published tensors under the names of a network's state dictionary, and the published name of each.

    Counters of normalised batches, which evaluation does not ask for, start at 0 in checkpoints that have none, as old
    versions of PyTorch wrote them.

    Raises:
        FusionError: tensors are missing or have other shapes; the message lists the first few.
    """
    wanted = network.module().state_dict()
    names = new_names(published, network.renaming) if network.renaming else {name: name for name in published}
    origin = {new: old for old, new in names.items() if new in wanted}
    counters = set()
    if not any(name.endswith(_COUNTER) for name in published):
        counters = {name for name in wanted.keys() - origin.keys() if name.endswith(_COUNTER)}
    missing = sorted(wanted.keys() - origin.keys() - counters)
    shaped = sorted(new for new, old in origin.items() if published[old].shape != wanted[new].shape)
    if missing or shaped:
        found = f"{len(missing)} of {len(wanted)} tensors missing {missing[:3]}, other shape {shaped[:3]}"
        raise FusionError(
            f"this checkpoint is not of {network.name}: {found}; its own names begin {sorted(published)[:3]}"
        )
    return {new: published[old] for new, old in origin.items()} | {name: wanted[name] for name in counters}, origin
