"""The command line of weights: list, convert, verify, fetch."""

from __future__ import annotations

import argparse
from pathlib import Path

from tabulate import tabulate

from ivif.fusion.loading import network_class
from ivif.fusion.method import FusionError
from ivif.fusion.weights import SHIPPED_FOLDER, published_folder, read_weights
from ivif.fusion.weights.convert import convert
from ivif.fusion.weights.fetch import fetch_published, published_weights
from ivif.fusion.weights.manifest import problems, read_manifest, share_text


def fill_weights(parser: argparse.ArgumentParser) -> None:
    """Add what ``weights`` takes: its own commands."""
    actions = parser.add_subparsers(required=True, metavar="action", parser_class=argparse.ArgumentParser)

    show = actions.add_parser("list", help="weights that are here, and published ones that could be")
    show.set_defaults(command=_list)

    change = actions.add_parser("convert", help="published checkpoint to safetensors")
    change.add_argument("network", metavar="NETWORK", help="bundled, or your own as package.module:Class")
    change.add_argument("source", nargs="+", type=Path, metavar="FILE", help="the checkpoint's files, or their folder")
    change.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: where NETWORK+published looks")
    change.set_defaults(command=_convert)

    check = actions.add_parser("verify", help="compare weights with their manifests and networks")
    check.add_argument("file", nargs="*", type=Path, metavar="FILE", help="default: all that are here")
    check.set_defaults(command=_verify)

    get = actions.add_parser("fetch", help="fetch and convert published weights")
    get.add_argument("key", nargs="+", metavar="NETWORK", help="what list says can be fetched, without +published")
    get.set_defaults(command=_fetch)


def files_here() -> list[Path]:
    """All weights files that were shipped, fetched or converted."""
    return [path for folder in (SHIPPED_FOLDER, published_folder()) for path in sorted(folder.glob("*.safetensors"))]


def _list(_: argparse.Namespace) -> int:
    rows = [
        (_method(path), _origin(path), _trained(path), f"{path.stat().st_size / 1e6:.1f}", _terms(path))
        for path in files_here()
    ]
    here = {path.stem for path in files_here() if path.parent == published_folder()}
    rows += [
        (f"{key}+published", "can be fetched" if weights.files else "by hand", "-", "", weights.licence)
        for key, weights in published_weights().items()
        if key not in here
    ]
    print(tabulate(rows, ["method", "state", "trained", "MB", "terms"], disable_numparse=True))
    print("trained: share of the published training, in pixels seen, where this project trained them")
    return 0


def _method(path: Path) -> str:
    """What `fusion.load` calls the network with these weights."""
    return path.stem if path.parent == SHIPPED_FOLDER else f"{path.stem}+published"


def _origin(path: Path) -> str:
    return "shipped" if path.parent == SHIPPED_FOLDER else "published, here"


def _trained(path: Path) -> str:
    try:
        share = read_manifest(path).share
    except FusionError:
        return "-"
    return "-" if share is None else share_text(share)


def _terms(path: Path) -> str:
    try:
        return read_manifest(path).licence
    except FusionError as error:
        return str(error)


def _convert(options: argparse.Namespace) -> int:
    network = network_class(options.network)
    if options.output is None and ":" in options.network:
        raise FusionError(f"{options.network}: say with -o FILE where the converted weights of your own network go")
    target = options.output or published_folder() / f"{network.name}.safetensors"
    licence = network.published.licence if network.published else "unknown"
    manifest = convert(network, options.source, target, licence)
    left = f", {len(manifest.left_out)} variables left out" if manifest.left_out else ""
    print(f"{target}: {len(manifest.tensors)} tensors{left}")
    return 0


def weights_problems(path: Path) -> list[str]:
    """What is wrong with a weights file: by its manifest, or because it does not fit its network."""
    found = problems(path)
    if not found:
        try:
            read_weights(network_class(read_manifest(path).network).module(), path)
        except FusionError as error:
            found.append(str(error))
    return found


def _verify(options: argparse.Namespace) -> int:
    paths = options.file or files_here()
    found = {path: weights_problems(path) for path in paths}
    for path, reasons in found.items():
        print("\n".join(reasons) if reasons else f"{path}: as its manifest says, fits its network")
    return 1 if any(found.values()) else 0


def _fetch(options: argparse.Namespace) -> int:
    for key in options.key:
        path = fetch_published(key, progress=True)
        print(f"{path} (terms: {read_manifest(path).licence})")
    return 0
