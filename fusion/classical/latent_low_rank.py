"""Latent low-rank representation: four levels of salient parts, found by a projection that was learnt from patches."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ivif.fusion.classical.base import ClassicalMethod, GreyPlane
from ivif.fusion.classical.singular_values import Matrix
from ivif.fusion.method import FusionError
from ivif.fusion.registry import register
from ivif.fusion.tiles import SIDE

PROJECTION = Path(__file__).with_suffix(".npy")
"""What `learn_projection` made of the first 40 of RoadScene's training pairs, ``float32 [64, 64]``."""

_SIDE, _LEVELS = 8, 4
_ROWS_AT_ONCE = 32
"""Rows of patches that are handled together, to bound the memory they take."""

_LONGEST = 1000
"""Rounds of the optimisation; it needs about 270."""


@register
class LatentLowRankFusion(ClassicalMethod):
    """MDLatLRR: salient parts of patches weighted by their nuclear norms, the rest averaged.

    A projection L of patches of 8 x 8 pixels, one at every pixel, gives the details of a source; the mean of all that
    lie over a pixel is the detail image, and the rest is decomposed again, four times. Details of both sources are
    averaged with their nuclear norms as weights. As in the authors' code, whose accumulator is not reset, the first
    level counts four times, the second three times, the third twice: results are brighter than the sources and rich in
    contrast, as the published ones are.

    The authors' L is a file without a licence. This one is learnt by the same equations from other patches, so that
    results equal the published ones in structure, and not in brightness.
    """

    name = "latlrr"
    title = "LatLRR"
    family = "low-rank representation"
    paper = (
        "Li, Wu, Kittler, MDLatLRR: A novel decomposition method for infrared and visible image fusion, IEEE TIP 2020"
    )
    slow = True
    tile = SIDE
    margin = 32

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        height, width = visible.shape
        if min(height, width) < _SIDE:
            raise FusionError(f"{self.name} needs sides of at least {_SIDE} pixels, found {width}x{height}; enlarge it")
        sources, fused = (infrared / 255, visible / 255), np.zeros_like(visible)
        for level in range(_LEVELS):
            details, mixed = project(_projection(), *sources)
            sources = sources[0] - details[0], sources[1] - details[1]
            fused += (_LEVELS - level) * mixed
        return 255 * (fused + (sources[0] + sources[1]) / 2)


def project(projection: Matrix, first: GreyPlane, second: GreyPlane) -> tuple[tuple[GreyPlane, GreyPlane], GreyPlane]:
    """The detail images of two sources, and that of both, patches averaged by nuclear norm."""
    details, mixed = (np.zeros_like(first), np.zeros_like(first)), np.zeros_like(first)
    rows = first.shape[0] - _SIDE + 1
    for top in range(0, rows, _ROWS_AT_ONCE):
        bottom = min(top + _ROWS_AT_ONCE, rows) + _SIDE - 1
        found = [_patches(plane[top:bottom]) @ projection.T for plane in (first, second)]
        norms = [nuclear_norms(patches)[..., None] for patches in found]
        total = norms[0] + norms[1]
        share = np.divide(norms[0], total, out=np.full_like(total, 0.5), where=total > 0)
        for image, patches in zip((*details, mixed), (*found, share * found[0] + (1 - share) * found[1]), strict=True):
            _lay(image[top:bottom], patches)
    lying = np.zeros_like(first)
    _lay(lying, np.broadcast_to(1.0, (rows, first.shape[1] - _SIDE + 1, _SIDE**2)))
    return (details[0] / lying, details[1] / lying), mixed / lying


def nuclear_norms(patches: Matrix) -> Matrix:
    """Sums of singular values of ``[..., 64]`` as matrices of 8 x 8."""
    matrices = patches.reshape(*patches.shape[:-1], _SIDE, _SIDE)
    return np.sqrt(np.maximum(np.linalg.eigvalsh(matrices @ matrices.swapaxes(-1, -2)), 0)).sum(-1)


def _patches(plane: GreyPlane) -> Matrix:
    """All patches of a plane, ``[H - 7, W - 7, 64]``, their columns one after the other."""
    windows = sliding_window_view(plane, (_SIDE, _SIDE)).swapaxes(-1, -2)
    return windows.reshape(*windows.shape[:2], _SIDE**2)


def _lay(image: GreyPlane, patches: Matrix) -> None:
    """Add patches to the image they are of, each at its place."""
    rows, columns, _ = patches.shape
    for number in range(_SIDE**2):
        column, row = divmod(number, _SIDE)
        image[row : row + rows, column : column + columns] += patches[..., number]


@cache
def _projection() -> Matrix:
    return np.load(PROJECTION).astype(np.float64)


def learn_projection(planes: Iterable[GreyPlane], count: int = 500, seed: int = 0) -> Matrix:
    """L of the latent low-rank representation of patches at random places.

    Args:
        planes: on the scale 0..255; each gives about as many patches.
        count: of patches. The more there are, the fewer of a patch's details are left to the other projection, and
            the brighter results are; with 500 they come near to the published ones.
        seed: of the places.
    """
    planes, random = list(planes), np.random.default_rng(seed)
    found = []
    for number in range(count):
        plane = planes[number % len(planes)]
        row, column = random.integers(0, [side - _SIDE + 1 for side in plane.shape])
        found.append(plane[row : row + _SIDE, column : column + _SIDE].T.ravel() / 255)
    return latent_projection(np.array(found).T)


def latent_projection(columns: Matrix, noise: float = 0.4) -> Matrix:
    """L of ``min |Z|* + |L|* + noise |E|1`` with ``X = X Z + L X + E``, by augmented Lagrange multipliers.

    Z is of the form ``V W``, V the right singular vectors of X, which changes no norm and makes it small.

    Args:
        columns: X, ``[D, N]``.
        noise: what counts as noise becomes more as this falls.

    Paper:
        Liu and Yan, Latent low-rank representation for subspace segmentation and feature extraction, ICCV 2011.
    """
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    basis = (left * values)[:, values > 1e-10 * values[0]]  # X V
    size, kept = len(columns), basis.shape[1]
    within, across, rest = np.zeros((kept, columns.shape[1])), np.zeros((size, size)), np.zeros_like(columns)
    multipliers = [np.zeros_like(part) for part in (rest, within, across)]
    inverse_within = np.linalg.inv(np.eye(kept) + basis.T @ basis)
    inverse_across = np.linalg.inv(np.eye(size) + columns @ columns.T)
    penalty = 1e-6
    for _ in range(_LONGEST):
        first, second, third = (multiplier / penalty for multiplier in multipliers)
        low_within = _shrink_singular_values(within + second, 1 / penalty)
        low_across = _shrink_singular_values(across + third, 1 / penalty)
        wanted = columns - across @ columns - rest + first
        within = inverse_within @ (basis.T @ wanted + low_within - second)
        wanted = columns - basis @ within - rest + first
        across = (wanted @ columns.T + low_across - third) @ inverse_across
        left_over = columns - basis @ within - across @ columns
        rest = np.sign(left_over + first) * np.maximum(np.abs(left_over + first) - noise / penalty, 0)
        errors = left_over - rest, within - low_within, across - low_across
        if max(np.abs(error).max() for error in errors) < 1e-6:
            break
        for multiplier, error in zip(multipliers, errors, strict=True):
            multiplier += penalty * error
        penalty = min(1.1 * penalty, 1e6)
    return across


def _shrink_singular_values(matrix: Matrix, threshold: float) -> Matrix:
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return (left * np.maximum(values - threshold, 0)) @ right
