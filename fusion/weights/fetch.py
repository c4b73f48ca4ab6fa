"""Fetch: published weights, as the networks declare them, to where ``NETWORK+published`` looks."""

from __future__ import annotations

from pathlib import Path

from ivif._checkout import as_typed
from ivif.datasets.download import DownloadError, fetch
from ivif.fusion.loading import network_class, network_names
from ivif.fusion.method import FusionError
from ivif.fusion.weights import published_folder
from ivif.fusion.weights.convert import convert
from ivif.fusion.weights.manifest import SourceFile, read_manifest
from ivif.fusion.weights.published import PublishedWeights

LARGEST_WEIGHTS = 4 << 30
"""Bytes of the largest file of weights that is fetched."""


def published_weights() -> dict[str, PublishedWeights]:
    """Published weights by a network's name, or by its name with ``+rts`` for what others retrained it to."""
    found = {}
    for name in network_names():
        network = network_class(name)
        for key, weights in ((name, network.published), (f"{name}+rts", network.published_rts)):
            if weights is not None:
                found[key] = weights
    return found


def fetch_published(key: str, folder: Path | None = None, progress: bool = False) -> Path:
    """Fetch published weights and convert them.

    The checkpoint stays in the folder ``sources/KEY``. Where no checksum is known, that of the first download is
    recorded in the manifest and expected from then on.

    Args:
        key: of `published_weights`.
        folder: None is where ``NETWORK+published`` looks.
        progress: show a progress bar.

    Returns:
        ``KEY.safetensors`` in the folder.

    Raises:
        FusionError: unknown key, nothing to fetch, no connection, wrong checksum, or a checkpoint that does not fit.
    """
    known = published_weights()
    if key not in known:
        raise FusionError(f"no published weights of {key!r} are known; there are {', '.join(known)}")
    weights = known[key]
    if not weights.files:
        raise FusionError(f"weights of {key} cannot be fetched by a program: {weights.homepage}\n  {weights.manual}")
    folder = published_folder() if folder is None else Path(folder)
    target = folder / f"{key}.safetensors"
    recorded = _recorded(target)
    sources = [folder / "sources" / key / file.name for file in weights.files]
    try:
        for file, path in zip(weights.files, sources, strict=True):
            fetch(file.url, path, file.sha256 or recorded.get(file.url), most=LARGEST_WEIGHTS, progress=progress)
    except DownloadError as error:
        raise FusionError(
            f"{error}\n  By hand: {weights.homepage}, then {as_typed('fusion weights convert')}"
        ) from error
    network = network_class(key.partition("+")[0])
    convert(network, sources, target, weights.licence, {file.name: file.url for file in weights.files})
    return target


def _recorded(target: Path) -> dict[str, str]:
    """Checksums of the sources of a file that was made before."""
    if not target.is_file():
        return {}
    sources: tuple[SourceFile, ...] = read_manifest(target).source
    return {source.path: source.sha256 for source in sources}
