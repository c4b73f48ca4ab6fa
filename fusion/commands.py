"""The commands that fuse pictures, and compare with published ones."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter

from ivif import datasets
from ivif.command_line import EXIT_FAILURES
from ivif.datasets.files import is_disk_error, reason
from ivif.datasets.images import write_png
from ivif.datasets.locations import Location
from ivif.datasets.options import add_value_range, tell_unmatched
from ivif.datasets.pairs import Pair, PairDataset, pair_folders
from ivif.datasets.value_range import with_range
from ivif.fusion.loading import load
from ivif.fusion.method import FusionError, FusionMethod, resolve_device
from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.onnx import CLOSE, difference_from, export_onnx
from ivif.fusion.parity import parity, parity_table
from ivif.fusion.results import FolderResults, fuse_images


def fill_fuse(parser: argparse.ArgumentParser) -> None:
    """Add what ``fuse`` takes."""
    add = parser.add_argument
    add("--method", required=True, metavar="NAME", help="bundled method or package.module:Class")
    add("--weights", type=Path, metavar="FILE", help="of a network: safetensors or original checkpoint")
    add("--infrared", required=True, type=Path, metavar="PATH", help="file, folder, film, or 'DIR/{pair}_ir.png'")
    add("--visible", required=True, type=Path, metavar="PATH", help="likewise")
    add("-o", "--out", "--output", required=True, type=Path, metavar="PATH", help="PNG file, or folder")
    add_value_range(parser)
    add("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1 (default: auto)")
    parser.set_defaults(command=_fuse)


def _fuse(options: argparse.Namespace) -> int:
    options.device = resolve_device(options.device)
    method = load(options.method, options.weights).to(options.device)
    given = [Location.parse(text) for text in (options.infrared, options.visible)]
    if not all(location.is_picture for location in given):
        return _fuse_folders(method, options)
    infrared, visible = (with_range([one.source(one.path)], options.value_range)[0] for one in given)
    pair = Pair(given[0].path.stem, infrared, visible)
    path = options.out / f"{pair.name}.png" if options.out.is_dir() else options.out
    if path.suffix.lower() != ".png":
        raise FusionError(f"{path}: fused images are written as PNG, without loss; end the name in .png")
    _fuse_pair(method, pair, path, options.device)
    print(path)
    return 0


def _fuse_folders(method: FusionMethod, options: argparse.Namespace) -> int:
    data = pair_folders(options.infrared, options.visible).with_range(options.value_range)
    tell_unmatched(data)
    failed, start = 0, perf_counter()
    for pair in data:
        try:
            _fuse_pair(method, pair, options.out / f"{pair.name}.png", options.device)
        except Exception as error:  # what a method raises on one pair is no reason to leave the others
            if is_disk_error(error):
                raise
            failed += 1
            print(f"failed: {pair.name}: {reason(error)}", file=sys.stderr)
    done, seconds = len(data) - failed, perf_counter() - start
    print(f"{done} of {len(data)} pairs fused into {options.out}; {done / seconds:.1f} pairs a second")
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
    found = difference_from(method, options.out)
    print(
        f"{options.out}: from PyTorch's result by {found.largest:.2g} at most, {found.mean:.2g} in the mean (grey "
        f"values in 0..1), {found.beyond:.3%} of the pixels by more than {CLOSE:g}"
    )
    return 0
