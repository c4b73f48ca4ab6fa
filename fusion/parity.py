"""Parity: how near a method of this package comes to the results that others published.

For every pair of a data set the method fuses anew, and the 8-bit result is compared with the published file. Three
things keep the two apart even where the method is the same:

* Colour. Published results on colour pairs were often made one RGB channel at a time, as in VIFB: the red visible
  channel with the red infrared channel, and so on (a grey infrared image serves all three). This package fuses the
  luminance and puts the visible chroma back. ``per_channel=True`` works as VIFB did.
* Compression. A published JPEG is the result plus the error of its compression, which bounds the PSNR at about
  35 to 45 dB. So both ways are reported: the plain comparison, and the mean difference that is left after our result
  went through the same JPEG compression (quantisation tables and chroma subsampling of the published file), which is
  0 where both are the same image.
* Sources. Published results may come from other copies of the sources than the files at hand, or from a run that went
  wrong for a pair; a single pair far below the others tells so.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, JpegImagePlugin
from skimage.metrics import structural_similarity
from tabulate import tabulate
from torch import Tensor

from ivif.datasets.images import decode_image, luminance, to_float, to_uint8
from ivif.datasets.pairs import Pair, PairDataset
from ivif.fusion.method import FusionError, FusionMethod
from ivif.fusion.results import FolderResults, fuse_images


@dataclass(frozen=True)
class PairParity:
    """How one fused image differs from the published one; both have 8 bit.

    Attributes:
        pair: name of the pair.
        psnr: peak signal-to-noise ratio over all channels in dB, infinite for equal images.
        ssim: structural similarity of the luminance (Gaussian window of sigma 1.5, as in Wang et al. 2004).
        mean_difference: mean absolute difference in grey levels, over all channels.
        max_difference: largest absolute difference in grey levels.
        recompressed_difference: `mean_difference` after the same JPEG compression; None if the published file is no
            JPEG.
    """

    pair: str
    psnr: float
    ssim: float
    mean_difference: float
    max_difference: int
    recompressed_difference: float | None


def parity(
    method: FusionMethod, dataset: PairDataset, published: FolderResults, per_channel: bool = False
) -> list[PairParity]:
    """Fuse every pair with `method` and compare with the published results.

    Args:
        method: the method under test.
        dataset: the pairs; cut it short by slicing or `PairDataset.select`.
        published: where the published results are, e.g. ``FolderResults("ADF", "fused_images/{pair}_ADF.jpg")``.
        per_channel: fuse each RGB channel on its own, as the VIFB results were made, instead of `FusionMethod.fuse`.

    Raises:
        FusionError: a published image is missing or has another size than its pair.
        ImageError: an image cannot be read.
        PairError: the sources of a pair differ in size (`FusionError` for ``per_channel``).
    """
    results = []
    for pair in dataset:
        image = fuse_channels(method, pair) if per_channel else fuse_images(method, pair.read())
        results.append(_pair_parity(pair, image, published))
    return results


def fuse_channels(method: FusionMethod, pair: Pair) -> Tensor:
    """The fused image made channel by channel, ``uint8 [3, H, W]``.

    The visible channels go through the method as three grey images; their partners are the infrared image's own
    channels, or its only one three times.
    """
    infrared, visible = (to_float(source.read()).expand(3, -1, -1)[:, None] for source in (pair.infrared, pair.visible))
    return to_uint8(method.fuse(infrared.contiguous(), visible.contiguous())[:, 0])


def _pair_parity(pair: Pair, ours: Tensor, published: FolderResults) -> PairParity:
    theirs, path = published.image(pair), published.file(pair)
    if theirs.shape[1:] != ours.shape[1:]:
        sizes = [f"{image.shape[2]}x{image.shape[1]}" for image in (theirs, ours)]
        raise FusionError(
            f"{path} is {sizes[0]}, but the sources of {pair.name} are {sizes[1]}; is it another data set's?"
        )
    channels = max(ours.shape[0], theirs.shape[0])
    difference = _difference(ours, theirs)
    again = _recompressed(ours.expand(channels, -1, -1), path)
    return PairParity(
        pair=pair.name,
        psnr=_psnr(difference),
        ssim=structural_similarity(
            *(luminance(image)[0].numpy() for image in (ours, theirs)),
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        ),
        mean_difference=float(np.abs(difference).mean()),
        max_difference=int(np.abs(difference).max()),
        recompressed_difference=None if again is None else float(np.abs(_difference(again, theirs)).mean()),
    )


def _difference(ours: Tensor, theirs: Tensor) -> np.ndarray:
    """Signed difference in grey levels; a grey image counts as three equal channels where the other has colour."""
    return (ours.to(torch.int16) - theirs.to(torch.int16)).numpy()


def _psnr(difference: np.ndarray) -> float:
    mean_square = float(np.square(difference.astype(np.float64)).mean())
    return 10 * float(np.log10(255**2 / mean_square)) if mean_square else float("inf")


def _recompressed(image: Tensor, path: Path) -> Tensor | None:
    """`image` after the JPEG compression of the file at `path`; None if that is no JPEG."""
    with Image.open(path) as published:
        if not isinstance(published, JpegImagePlugin.JpegImageFile):
            return None
        tables, subsampling = published.quantization, JpegImagePlugin.get_sampling(published)
        mode = published.mode
    array = image.permute(1, 2, 0).numpy()
    picture = Image.fromarray(array[..., 0] if array.shape[2] == 1 else array).convert(mode)
    buffer = io.BytesIO()
    settings = {} if mode == "L" else {"subsampling": subsampling}
    picture.save(buffer, "JPEG", qtables=tables, **settings)
    return decode_image(buffer.getvalue(), f"our result, compressed like {path}")


def parity_table(results: Iterable[PairParity], style: str = "simple") -> str:
    """One row a pair and a last one with the means, as text; `style` is one of tabulate's formats."""
    results = list(results)
    rows = [[item.pair, *_numbers(item)] for item in results]
    if results:
        columns = zip(*(_numbers(item) for item in results), strict=True)
        rows.append(["mean", *(_mean(column) for column in columns)])
    headers = ["pair", "PSNR dB", "SSIM", "mean |d|", "max |d|", "mean |d| after JPEG"]
    return tabulate(rows, headers, style, floatfmt=("", ".2f", ".4f", ".3f", ".4g", ".3f"), missingval="-")


def _numbers(item: PairParity) -> tuple[float | None, ...]:
    return item.psnr, item.ssim, item.mean_difference, item.max_difference, item.recompressed_difference


def _mean(column: tuple[float | None, ...]) -> float | None:
    """Mean of a column; None if a value is missing, for a mean over a part of the pairs would mislead."""
    values = [value for value in column if value is not None]
    return sum(values) / len(values) if len(values) == len(column) else None
