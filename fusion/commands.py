"""The commands that fuse pictures, and compare with published ones."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ivif import datasets
from ivif.command_line import EXIT_FAILURES
from ivif.datasets.images import ImageError, parse_range, write_png
from ivif.datasets.options import tell_unmatched
from ivif.datasets.pairs import ImageFile, Pair, PairDataset, PairError, pair_folders
from ivif.fusion.loading import load
from ivif.fusion.method import FusionError, FusionMethod, resolve_device
from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.onnx import difference_from, export_onnx
from ivif.fusion.parity import parity, parity_table
from ivif.fusion.results import FolderResults, fuse_images


def fill_fuse(parser: argparse.ArgumentParser) -> None:
    """Add what ``fuse`` takes."""
    add = parser.add_argument
    add("--method", required=True, metavar="NAME", help="bundled method or package.module:Class")
    add("--weights", type=Path, metavar="FILE", help="of a network: safetensors or original checkpoint")
    add("--infrared", required=True, type=Path, metavar="PATH")
    add("--visible", required=True, type=Path, metavar="PATH")
    add("-o", "--out", "--output", required=True, type=Path, metavar="PATH", help="PNG file, or folder")
    add("--value-range", type=parse_range, metavar="LOW:HIGH", help="black and white of 16-bit files")
    add("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1 (default: auto)")
    parser.set_defaults(command=_fuse)


def _fuse(options: argparse.Namespace) -> int:
    options.device = resolve_device(options.device)
    method = load(options.method, options.weights).to(options.device)
    if options.infrared.is_dir() or options.visible.is_dir():
        return _fuse_folders(method, options)
    infrared, visible = (ImageFile(path, options.value_range) for path in (options.infrared, options.visible))
    pair = Pair(options.infrared.stem, infrared, visible)
    path = options.out / f"{pair.name}.png" if options.out.is_dir() else options.out
    if path.suffix.lower() != ".png":
        raise FusionError(f"{path}: fused images are written as PNG, without loss; end the name in .png")
    _fuse_pair(method, pair, path, options.device)
    print(path)
    return 0


def _fuse_folders(method: FusionMethod, options: argparse.Namespace) -> int:
    data = pair_folders(options.infrared, options.visible).with_range(options.value_range)
    tell_unmatched(data)
    failed = 0
    for pair in data:
        try:
            _fuse_pair(method, pair, options.out / f"{pair.name}.png", options.device)
        except (FusionError, PairError, ImageError) as error:
            failed += 1
            print(f"failed: {error}", file=sys.stderr)
    print(f"{len(data) - failed} of {len(data)} pairs fused into {options.out}")
    return EXIT_FAILURES if failed else 0


def _fuse_pair(method: FusionMethod, pair: Pair, path: Path, device: str) -> None:
    if path.resolve() in (Path(str(source)).resolve() for source in (pair.infrared, pair.visible)):
        raise FusionError(f"{path} is one of the sources; write the fused image somewhere else")
    write_png(path, fuse_images(method, pair.read(), device))


def fill_parity(parser: argparse.ArgumentParser) -> None:
    """Add what ``parity`` takes."""
    add = parser.add_argument
    add("--method", required=True, metavar="NAME")
    add("--dataset", default="vifb", metavar="NAME")
    add("--root", type=Path, metavar="DIR", help="folder of the data set")
    add("--published", required=True, metavar="DIR", help="'DIR/{pair}_ADF.jpg', or a folder")
    add("--limit", type=int, metavar="N", help="the first N pairs")
    add("--per-channel", action="store_true", help="fuse red, green and blue apart, as VIFB did")
    parser.set_defaults(command=_parity)


def _parity(options: argparse.Namespace) -> int:
    data: PairDataset = datasets.load(options.dataset, root=options.root)[: options.limit]
    published = FolderResults.parse(f"{options.method}={options.published}")
    print(parity_table(parity(load(options.method), data, published, options.per_channel)))
    return 0


def fill_export(parser: argparse.ArgumentParser) -> None:
    """Add what ``export`` takes."""
    parser.add_argument("method", metavar="NAME", help="a network with weights, as methods are named elsewhere")
    parser.add_argument("-o", "--out", "--output", required=True, type=Path, metavar="FILE", help="*.onnx")
    parser.set_defaults(command=_export)


def _export(options: argparse.Namespace) -> int:
    method = load(options.method)
    if not isinstance(method, NetworkMethod):
        raise FusionError(f"{method.name} is no network; there is nothing to export")
    export_onnx(method, options.out)
    largest, mean = difference_from(method, options.out)
    print(
        f"{options.out}: from PyTorch's result by {largest:.2g} at most, {mean:.2g} in the mean (grey values in 0..1)"
    )
    return 0
