"""Multi-resolution singular value decomposition: a wavelet-like transform whose basis comes from the image (MSVD)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivif.fusion.classical.base import ClassicalMethod, GreyPlane
from ivif.fusion.registry import register

Matrix = NDArray[np.float64]


@register
class MultiResolutionSingularValues(ClassicalMethod):
    """2 x 2 blocks on each source's own principal axes: means of the first, larger magnitude of the others.

    One level. The blocks of a source are the columns of a ``4 x N`` matrix X; with the left singular vectors U of X (by
    falling singular value), ``T = U^T X`` has the approximation in its first row and details in the others. The fused
    T takes the mean of the first rows and, element by element, the larger magnitude of the other rows; the image is
    ``(U_A + U_B) / 2 T``, cut into blocks again.

    Singular vectors have no sign of their own, yet the mean of U depends on it: opposite signs cancel details. Each
    vector of the infrared is given the sign that brings it nearer to its visible partner. The published results have
    whatever signs their linear algebra library returned.
    """

    name = "msvd"
    title = "MSVD"
    family = "singular values"
    paper = (
        "Naidu, Image fusion technique using multi-resolution singular value decomposition, "
        "Defence Science Journal 2011"
    )
    multiple = 2

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        visible_axes, infrared_axes = principal_axes(blocks(visible)), principal_axes(blocks(infrared))
        infrared_axes *= np.where((visible_axes * infrared_axes).sum(axis=0) < 0, -1, 1)
        left, right = visible_axes.T @ blocks(visible), infrared_axes.T @ blocks(infrared)
        fused = np.where(np.abs(left) >= np.abs(right), left, right)
        fused[0] = (left[0] + right[0]) / 2
        return from_blocks((visible_axes + infrared_axes) / 2 @ fused, visible.shape)


def blocks(plane: GreyPlane) -> Matrix:
    """The 2 x 2 blocks of a plane of even height and width as columns, ``[4, H W / 4]``."""
    height, width = plane.shape
    return plane.reshape(height // 2, 2, width // 2, 2).transpose(1, 3, 0, 2).reshape(4, -1)


def from_blocks(matrix: Matrix, shape: tuple[int, ...]) -> GreyPlane:
    """Inverse of `blocks`."""
    height, width = shape
    return matrix.reshape(2, 2, height // 2, width // 2).transpose(2, 0, 3, 1).reshape(height, width)


def principal_axes(matrix: Matrix) -> Matrix:
    """Left singular vectors of ``[4, N]`` as columns, by falling singular value (eigenvectors of ``X X^T``)."""
    return np.linalg.eigh(matrix @ matrix.T)[1][:, ::-1].copy()
