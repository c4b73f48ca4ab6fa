"""Truth: what is known exactly about the people in a picture: boxes, masks, and where nothing is to be judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ivif.datasets.boxes import Boxes
from ivif.datasets.synthetic.optics.camera import Window
from ivif.datasets.synthetic.optics.noise import Raster

SMALLEST = 16.0
"""People lower than this many pixels are ignored by evaluations."""

LEAST_VISIBLE = 0.25
"""People seen less than this share are ignored by evaluations."""

LEAST_MIRRORED = 0.05
"""Mirror images of people weaker than this go unnoticed and need no ignore region."""


class Truth(NamedTuple):
    """One person's silhouette: coverage over `window` (which may leave the picture), as if alone and as seen."""

    identity: int
    window: Window
    whole: Raster
    seen: Raster


class Mirrored(NamedTuple):
    """Where somebody is mirrored, and how strongly."""

    window: Window
    strength: Raster


def extent(mask: NDArray[np.bool_], window: Window, picture: Window) -> tuple[int, int, int, int] | None:
    """The tight box (left, top, right, bottom) around a mask, within the picture and in its pixels; None if empty."""
    inside = window.clip(picture)
    if inside.empty:
        return None
    crop = mask[inside.within(window)]
    lines, columns = np.flatnonzero(crop.any(1)), np.flatnonzero(crop.any(0))
    if not len(lines):
        return None
    left, top = inside.left - picture.left, inside.top - picture.top
    return left + columns[0], top + lines[0], left + columns[-1] + 1, top + lines[-1] + 1


def boxes_of(truths: Sequence[Truth], picture: Window, mirrors: Sequence[Mirrored] = ()) -> tuple[Boxes, Boxes]:
    """Boxes of the people in the picture: of whole silhouettes, and of what is seen of them; rows match.

    The first are tight around what each person would cover without anything in front, clipped to the picture; the
    second around what is seen, empty at the whole one's corner where that is nothing. A pixel belongs to a silhouette
    from half coverage on. ``visibility`` is the share of the silhouette's pixels that are seen: neither hidden nor
    outside the picture. People seen less than a quarter, or lower than 16 pixels, are ``ignore``; so are mirror images
    of people, which have identity -1.
    """
    rows, parts, identities, shares = [], [], [], []
    for truth in truths:
        whole, seen = truth.whole >= 0.5, truth.seen >= 0.5
        box = extent(whole, truth.window, picture)
        if box is None:
            continue
        inside = truth.window.clip(picture).within(truth.window)
        rows.append(box)
        parts.append(extent(seen & whole, truth.window, picture) or (*box[:2], *box[:2]))
        identities.append(truth.identity)
        shares.append((seen & whole)[inside].sum() / whole.sum())
    for mirror in mirrors:
        box = extent(mirror.strength >= LEAST_MIRRORED, mirror.window, picture)
        if box is not None:
            rows.append(box)
            parts.append(box)
            identities.append(-1)
            shares.append(1.0)
    xyxy = np.array(rows, dtype=np.float64).reshape(-1, 4)
    visibility, ids = np.array(shares, dtype=np.float64), np.array(identities, dtype=np.int64)
    ignore = (visibility < LEAST_VISIBLE) | (xyxy[:, 3] - xyxy[:, 1] < SMALLEST) | (ids < 0)
    seen_xyxy = np.array(parts, dtype=np.float64).reshape(-1, 4)
    return (
        Boxes(xyxy, ids=ids, ignore=ignore, visibility=visibility),
        Boxes(seen_xyxy, ids=ids, ignore=ignore, visibility=visibility),
    )


def instances_of(truths: Sequence[Truth], picture: Window) -> NDArray[np.int32]:
    """Who is seen at each pixel: identities ``int32 [H, W]``, 0 where nobody is."""
    found = np.zeros(picture.shape, np.int32)
    for truth in truths:
        inside = truth.window.clip(picture)
        if not inside.empty:
            found[inside.within(picture)][truth.seen[inside.within(truth.window)] >= 0.5] = truth.identity
    return found
