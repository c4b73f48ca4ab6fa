"""The command line: fuse pictures, compare with published results, manage weights, make references, train."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ivif import datasets
from ivif.datasets.images import ImageError, parse_range, write_png
from ivif.datasets.options import tell_unmatched
from ivif.datasets.pairs import ImageFile, Pair, PairDataset, PairError, pair_folders
from ivif.fusion.loading import load
from ivif.fusion.method import FusionError, FusionMethod, resolve_device
from ivif.fusion.parity import parity, parity_table
from ivif.fusion.reference.cli import add_references_parser
from ivif.fusion.results import FolderResults, fuse_images
from ivif.fusion.training.cli import add_train_all_parser, add_train_parser
from ivif.fusion.weights.cli import add_weights_parser

EXIT_FAILURES, EXIT_ERROR = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0: all well, 1: some pictures could not be fused, 2: it could not be done."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (FusionError, PairError, ImageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_ERROR


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


def _parity(options: argparse.Namespace) -> int:
    data: PairDataset = datasets.load(options.dataset, root=options.root)[: options.limit]
    published = FolderResults.parse(f"{options.method}={options.published}")
    print(parity_table(parity(load(options.method), data, published, options.per_channel)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fusion", description="Fuse infrared and visible images.")
    commands = parser.add_subparsers(required=True, metavar="command")

    fuse = commands.add_parser("fuse", help="fuse a pair of files, or two folders of them")
    fuse.add_argument("--method", required=True, metavar="NAME", help="bundled method or package.module:Class")
    fuse.add_argument("--weights", type=Path, metavar="FILE", help="of a network: safetensors or original checkpoint")
    fuse.add_argument("--infrared", required=True, type=Path, metavar="PATH")
    fuse.add_argument("--visible", required=True, type=Path, metavar="PATH")
    fuse.add_argument("-o", "--out", "--output", required=True, type=Path, metavar="PATH", help="PNG file, or folder")
    fuse.add_argument("--value-range", type=parse_range, metavar="LOW:HIGH", help="black and white of 16-bit files")
    fuse.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1 (default: auto)")
    fuse.set_defaults(command=_fuse)

    check = commands.add_parser("parity", help="compare a method with published images of it")
    check.add_argument("--method", required=True, metavar="NAME")
    check.add_argument("--dataset", default="vifb", metavar="NAME")
    check.add_argument("--root", type=Path, metavar="DIR", help="folder of the data set")
    check.add_argument("--published", required=True, metavar="DIR", help="'DIR/{pair}_ADF.jpg', or a folder")
    check.add_argument("--limit", type=int, metavar="N", help="the first N pairs")
    check.add_argument("--per-channel", action="store_true", help="fuse red, green and blue apart, as VIFB did")
    check.set_defaults(command=_parity)

    add_weights_parser(commands)
    add_references_parser(commands)
    add_train_parser(commands)
    add_train_all_parser(commands)
    return parser
