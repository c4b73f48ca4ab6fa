"""Pictures: thumbnails of a run's pairs as the page shows them, how much they differ, and the boxes on them."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from ivif.benchmark.reports.colour import results_or_none
from ivif.benchmark.reports.joining import Joined
from ivif.benchmark.reports.resampling import ResamplingError
from ivif.benchmark.reports.sheet import REFERENCE_COLUMNS, reference_pictures
from ivif.datasets.boxes import Boxes
from ivif.datasets.files import file_name, write_atomic
from ivif.datasets.images import ImageError, luminance
from ivif.datasets.pairs import Pair, PairError
from ivif.downstream.detection import WORKING_SCORE
from ivif.downstream.evaluation import Evaluation
from ivif.downstream.overlap import iou
from ivif.downstream.tracking import MATCH
from ivif.fusion import FusionError

PictureMode = Literal["embed", "beside", "none"]
PICTURE_MODES: tuple[PictureMode, ...] = ("embed", "beside", "none")
"""Pictures inside the file, in a folder beside it, or left out."""

WIDTHS = {"embed": 480, "beside": 1280}
"""Largest width of a picture."""

EMBEDDED = 400
"""Pictures that one file holds at most; pairs are left out, evenly, until they fit."""

TRAIL = 12
"""Frames over which a track's way is drawn."""

QUALITY = 80
SMALL = 64
"""Width at which pictures are compared."""

PutPicture = Callable[[str, str, bytes], str]
"""Where a picture is put, by pair and name: gives the address that the page has it by."""


def pictures_content(part: Joined, images: PictureMode, folder: Path, references: Path | None = None) -> dict[str, Any]:
    """Pictures of one data set.

    Args:
        part: the data set.
        images: see `PICTURE_MODES`.
        folder: where pictures lie that are not embedded.
        references: folder of ``python -m fusion references``, whose pictures can be looked at beside the methods'.

    Returns:
        ``pairs`` (by name: size, addresses by method, how much methods differ, boxes), ``methods`` in the order of the
        differences, ``references``: what those are called, and ``left_out``: how many pairs are not shown.
    """
    if images == "none" or part.data is None:
        return {"pairs": {}, "methods": [], "references": [], "left_out": len(part.pairs)}
    names = list(part.runs)
    chosen = _chosen(list(part.data), len(names) + 2) if images == "embed" else list(part.data)
    put = _embedded if images == "embed" else _beside(folder, part.dataset)
    boxes = _boxes(part)
    found = {pair.name: own for pair in chosen if (own := _pair(part, pair, WIDTHS[images], put))}
    shown = reference_pictures(references, part.data) if references else {}
    for name, own in found.items():
        own["references"] = {
            title: put(name, f"reference {title}", _webp(image, WIDTHS[images]))
            for title, image in zip(REFERENCE_COLUMNS, shown.get(name, ()), strict=False)
        }
        own["boxes"] = {method: of[name] for method, of in boxes.items() if name in of}
    titles = list(REFERENCE_COLUMNS) if shown else []
    return {"pairs": found, "methods": names, "references": titles, "left_out": len(part.pairs) - len(found)}


def _chosen(pairs: Sequence[Pair], each: int) -> Sequence[Pair]:
    """Pairs spread evenly over all."""
    most = max(1, EMBEDDED // each)
    if len(pairs) <= most:
        return pairs
    return [pairs[place] for place in np.linspace(0, len(pairs) - 1, most).round().astype(int)]


def _embedded(pair: str, name: str, data: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(data).decode()


def _beside(folder: Path, dataset: str) -> PutPicture:
    def put(pair: str, name: str, data: bytes) -> str:
        path = folder / file_name(dataset) / file_name(pair) / f"{file_name(name)}.webp"
        write_atomic(path, data)
        return "/".join((folder.name, *path.relative_to(folder).parts))

    return put


def _pair(part: Joined, pair: Pair, width: int, put: PutPicture) -> dict[str, Any] | None:
    try:
        sources = pair.read()
    except (ImageError, PairError):
        return None
    shown: dict[str, Tensor] = {"infrared": sources.infrared, "visible": sources.visible}
    addresses = {name: put(pair.name, f"source {name}", _webp(image, width)) for name, image in shown.items()}
    fused: dict[str, str] = {}
    small: list[NDArray[np.float32] | None] = []
    for name, run in part.runs.items():
        image = _image(results_or_none(run, name, part.dataset), pair)
        small.append(None if image is None else _small(image))
        if image is not None:
            fused[name] = put(pair.name, name, _webp(image, width))
    size = sources.infrared.shape
    return addresses | {"fused": fused, "width": size[2], "height": size[1], "differ": _differences(small)}


def _image(results: Any, pair: Pair) -> Tensor | None:
    try:
        return None if results is None else results.image(pair)
    except (ImageError, FusionError):
        return None


def _pillow(image: Tensor) -> Image.Image:
    return Image.fromarray(image.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy())


def _webp(image: Tensor, width: int) -> bytes:
    picture = _pillow(image)
    if picture.width > width:
        height = round(width * picture.height / picture.width)
        picture = picture.resize((width, max(1, height)), Image.Resampling.BOX)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=4)
    return buffer.getvalue()


def _small(image: Tensor) -> NDArray[np.float32]:
    picture = Image.fromarray(luminance(image)[0].numpy())
    size = (SMALL, max(1, round(SMALL * picture.height / picture.width)))
    return np.asarray(picture.resize(size, Image.Resampling.BOX), dtype=np.float32).ravel()


def _differences(small: Sequence[NDArray[np.float32] | None]) -> list[list[float | None]]:
    """Mean absolute difference of luminance, method by method; None where one has no picture of this size."""
    return [[_difference(one, other) for other in small[:place]] for place, one in enumerate(small)]


def _difference(one: NDArray[np.float32] | None, other: NDArray[np.float32] | None) -> float | None:
    if one is None or other is None or one.shape != other.shape:
        return None
    return round(float(np.abs(one - other).mean()), 1)


def _boxes(part: Joined) -> dict[str, dict[str, Any]]:
    """By method and camera, then pair: true boxes, detections and tracks with what was hit; none without detection."""
    if part.people is None or part.data is None:
        return {}
    frames = {pair.name: (pair.sequence, pair.frame) for pair in part.data if pair.frame is not None}
    found = {}
    for name in part.people.scores:
        done = _looked_at(part, name)
        if done is not None:
            found[name] = dict(_overlays(done))
            for pair, (sequence, frame) in frames.items():
                if pair in found[name] and sequence in done.tracks:
                    found[name][pair]["tracks"] = frame_tracks(done.tracks[sequence], frame, done.truths[pair])
    return found


def frame_tracks(tracks: Mapping[int, Boxes], frame: int, truth: Boxes) -> dict[str, list[list[float]]]:
    """Tracks and true boxes of a frame, ``box, identity, hit`` each, and where each track has been, foot by foot."""
    own, counted = tracks.get(frame), truth[~truth.ignore]
    if own is None:
        return {"tracks": [], "trails": [], "truth": [[*_corners(box), int(who), 0] for box, who in _who(counted)]}
    rows, columns = linear_sum_assignment(-iou(counted.xyxy, own.xyxy)) if len(counted) and len(own) else ((), ())
    matched = [(r, c) for r, c in zip(rows, columns, strict=True) if iou(counted.xyxy, own.xyxy)[r, c] >= MATCH]
    seen, right = {r for r, _ in matched}, {c for _, c in matched}
    return {
        "tracks": [[*_corners(box), int(who), int(place in right)] for place, (box, who) in enumerate(_who(own))],
        "trails": [_trail(tracks, frame, who) for _, who in _who(own)],
        "truth": [[*_corners(box), int(who), int(place in seen)] for place, (box, who) in enumerate(_who(counted))],
    }


def _who(boxes: Boxes) -> Iterator[tuple[NDArray[np.float64], int]]:
    return zip(boxes.xyxy, boxes.ids.tolist(), strict=True)


def _trail(tracks: Mapping[int, Boxes], frame: int, identity: int) -> list[float]:
    """x and y of somebody's feet in this frame and those before it, up to `TRAIL`, in turn."""
    feet: list[float] = []
    for number in range(max(0, frame - TRAIL), frame + 1):
        for box, who in _who(tracks[number]) if number in tracks else ():
            if who == identity:
                feet += _corners(np.array([(box[0] + box[2]) / 2, box[3]]))
    return feet


def _looked_at(part: Joined, name: str) -> Evaluation | None:
    look = part.look(name)
    try:
        return look.evaluation(part.dataset, name) if look else None
    except (ResamplingError, OSError):
        return None


def _overlays(done: Evaluation) -> Iterator[tuple[str, dict[str, Any]]]:
    detection = done.detection()
    matches: Mapping[str, Any] = {image.name: image for image in detection.images} if detection else {}
    for name, truth in done.truths.items():
        found = done.found.boxes[name]
        order = np.argsort(-found.scores, kind="stable")[: len(matches[name].scores)]
        seen = found[order]
        kept = seen.scores >= WORKING_SCORE
        hits = matches[name].matched[0, 0] & kept
        counted = truth[~truth.ignore]
        yield (
            name,
            {
                "truth": [
                    [*_corners(box), int(hit)] for box, hit in zip(counted.xyxy, _hit(counted, seen[hits]), strict=True)
                ],
                "found": [[*_corners(box), int(hit)] for box, hit in zip(seen.xyxy[kept], hits[kept], strict=True)],
            },
        )


def _corners(box: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 1) for value in box]


def _hit(truth: Boxes, hits: Boxes) -> list[bool]:
    """Which true boxes have a detection that was matched, by overlap of half their union."""
    return [bool(near.any()) for near in iou(truth.xyxy, hits.xyxy) >= MATCH]
