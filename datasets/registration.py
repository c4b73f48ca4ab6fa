"""Registration: how far the two images of a pair are displaced against each other, estimated from their edges.

Infrared and visible edges lie in the same places but differ in strength and sign. So each pixel is described by the
direction of its edge alone, its angle doubled, which makes bright-to-dark equal to dark-to-bright:

    g = gx + i gy                          gradient (Scharr) after Gaussian smoothing, sigma 1.5
    o = g^2 / |g|^2 * min(|g| / m, 2)      m: mean of |g| in the 31x31 neighbourhood plus 0.3 of its global mean
    s = IFFT(conj(A) B / |conj(A) B|^0.5)  A, B: FFT of both o under a Hann window

The peak of Re(s) within `REACH` pixels is the displacement. It counts as confident if it stands at least `SCORE`
standard deviations above the rest of the surface and `MARGIN` above the next peak. The whole image is estimated, and
four overlapping windows for displacements that vary over the image (scale, rotation, distortion, parallax).

After orientation correlation (Fitch, Kadyrov, Christmas, Kittler: Orientation Correlation, BMVC 2002) and phase
correlation (Kuglin, Hines: The Phase Correlation Image Alignment Method, 1975), half-way between plain correlation
and full whitening, which cross-spectral noise does not bear.

Limits. Scenes without common edges (fog, glare, empty night skies) give no confident answer, and that is no proof of
registration. Displacements beyond the reach, and those of a single object in front of a still background, are not
seen. Repeated structure (fences, windows) can shift the answer by its period. Images larger than `SIDE` pixels are
estimated at reduced size, which limits the precision to about half a pixel there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

SIDE = 768
REACH = 24
SCORE = 6.0
MARGIN = 2.0
WINDOW_SCORE = 7.0
WINDOW_MARGIN = 3.0
_SMALLEST = 96
_PEAK = 5

GreyImage = NDArray[np.uint8]
Field = NDArray[np.complex64]


class Displacement(NamedTuple):
    """Where visible structure lies relative to infrared structure.

    Attributes:
        x: pixels to the right.
        y: pixels down.
        score: height of the peak over the mean of the surface, in standard deviations of the surface.
        margin: height of the peak over the next one, in the same unit.
    """

    x: float
    y: float
    score: float
    margin: float

    @property
    def length(self) -> float:
        """Length in pixels."""
        return float(np.hypot(self.x, self.y))


@dataclass(frozen=True)
class Registration:
    """Estimates for one pair.

    Attributes:
        whole: of the whole image, None if not confident.
        windows: the confident ones among four overlapping windows, by name ("top left").
    """

    whole: Displacement | None
    windows: dict[str, Displacement]

    @property
    def spread(self) -> float:
        """Largest difference between two windows in pixels, 0 if fewer than two are confident."""
        ends = [(item.x, item.y) for item in self.windows.values()]
        return max((float(np.hypot(a[0] - b[0], a[1] - b[1])) for a in ends for b in ends), default=0.0)


def estimate(infrared: GreyImage, visible: GreyImage) -> Registration:
    """Displacements between two grey images ``uint8 [H, W]`` of one size.

    Images with a side below 96 pixels hold too little structure and give no estimate.
    """
    height, width = infrared.shape
    if min(height, width) < _SMALLEST:
        return Registration(None, {})
    scale = min(1.0, SIDE / max(height, width))
    left, right = (_orientation(_reduced(plane, scale)) for plane in (infrared, visible))
    whole = _displacement(left, right, scale)
    windows = {name: _displacement(left[place], right[place], scale) for name, place in _windows(*left.shape).items()}
    return Registration(
        whole if whole.score >= SCORE and whole.margin >= MARGIN else None,
        {name: item for name, item in windows.items() if item.score >= WINDOW_SCORE and item.margin >= WINDOW_MARGIN},
    )


def _reduced(plane: GreyImage, scale: float) -> GreyImage:
    if scale == 1.0:
        return plane
    size = round(plane.shape[1] * scale), round(plane.shape[0] * scale)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _windows(height: int, width: int) -> dict[str, tuple[slice, slice]]:
    """Four windows of 3/5 of each side, one in each corner."""
    rows = {"top": slice(0, height * 3 // 5), "bottom": slice(height * 2 // 5, height)}
    columns = {"left": slice(0, width * 3 // 5), "right": slice(width * 2 // 5, width)}
    return {f"{row} {column}": (rows[row], columns[column]) for row in rows for column in columns}


def _orientation(plane: GreyImage) -> Field:
    """Doubled edge direction of every pixel, weighted by how much the edge stands out in its neighbourhood."""
    smooth = cv2.GaussianBlur(plane.astype(np.float32), (0, 0), 1.5)
    across, down = cv2.Scharr(smooth, cv2.CV_32F, 1, 0), cv2.Scharr(smooth, cv2.CV_32F, 0, 1)
    strength = cv2.magnitude(across, down)
    usual = cv2.blur(strength, (31, 31)) + 0.3 * strength.mean() + 1e-6
    weight = np.minimum(strength / usual, 2) / (strength * strength + 1e-6)
    field = np.empty(plane.shape, np.complex64)
    field.real, field.imag = (across * across - down * down) * weight, 2 * across * down * weight
    return field


def _displacement(left: Field, right: Field, scale: float) -> Displacement:
    reach = min(REACH, min(left.shape) // 4)
    surface = _correlation(left, right)
    surface = np.roll(surface, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]
    row, column = (int(index) for index in np.unravel_index(surface.argmax(), surface.shape))
    rest = np.ma.array(surface, mask=False)
    rest[max(0, row - _PEAK) : row + _PEAK + 1, max(0, column - _PEAK) : column + _PEAK + 1] = np.ma.masked
    peak, deviation = float(surface[row, column]), float(rest.std()) or 1.0
    return Displacement(
        x=(column - reach + _vertex(surface[row], column)) / scale,
        y=(row - reach + _vertex(surface[:, column], row)) / scale,
        score=(peak - float(rest.mean())) / deviation,
        margin=(peak - float(rest.max())) / deviation,
    )


def _correlation(left: Field, right: Field) -> NDArray[np.float32]:
    """Half-whitened cross-correlation; entry [y, x] belongs to `right` displaced by (x, y), wrapping around."""
    window = np.outer(*(np.hanning(side) for side in left.shape)).astype(np.float32)
    size = [scipy.fft.next_fast_len(side) for side in left.shape]
    first, second = (scipy.fft.fft2((field - field.mean()) * window, size) for field in (left, right))
    cross = np.conj(first) * second
    power = np.abs(cross)
    return scipy.fft.ifft2(cross / np.sqrt(power + 1e-3 * power.mean() + 1e-12)).real


def _vertex(line: NDArray, index: int) -> float:
    """Position of the parabola's vertex through the entries around `index`, relative to it: -0.5 to 0.5."""
    if not 0 < index < len(line) - 1:
        return 0.0
    before, here, after = (float(value) for value in line[index - 1 : index + 2])
    curvature = before - 2 * here + after
    return 0.0 if curvature >= 0 else float(np.clip(0.5 * (before - after) / curvature, -0.5, 0.5))
