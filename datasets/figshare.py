"""TNO as its author published it: scene folders in which the file names tell the band.

The archive was collected over years from four cameras, and no index comes with it. Which file is which follows from
naming conventions alone: the first of these words in a file's stem decides (letters between other characters count as
a word), or the name of the folder where all files are of one band.

    infrared        IR LWIR thermal RAD         IR_lake_g.bmp, c_LWIR-MarnehNew_24RGB_1110.tif, thermal/7400i.bmp
    visible         VIS visual DHV              VIS_lake_r.bmp, Farm_Vis.bmp, dhv/DHVheli20.bmp
    neither         NIR II                      near infrared and image intensifier: no thermal band
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ivif.datasets.images import SUFFIXES
from ivif.datasets.pairs import ImageFile, Pair, PairDataset, PairError, Unmatched

_BANDS = {
    **dict.fromkeys(("ir", "lwir", "thermal", "rad", "infrared"), "infrared"),
    **dict.fromkeys(("vis", "visual", "dhv", "visible"), "visible"),
    **dict.fromkeys(("nir", "ii"), "near"),
}
_CAMERAS = ("athena_images", "dhv_images", "fel_images", "triclobs_images")


@dataclass
class _Scene:
    """Files of one scene by band; `sequence` if each band has a folder of its own."""

    sequence: bool
    bands: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))


def figshare_tno(root: Path) -> PairDataset:
    """Pairs of the original TNO tree, named by their folders: ``Athena_images-lake``.

    A scene with one infrared and one visible file is a pair. Where there are more, files with the same numbers in
    their names belong together (sequences). A lone file without a band's name is taken as the visible one if the
    scene has an infrared file and no other candidate (``bunker_r.bmp``).

    Raises:
        PairError: no pair was found.
    """
    pairs: list[Pair] = []
    unmatched: list[Unmatched] = []
    for name, scene in sorted(_scenes(_top(root)).items()):
        _adopt_lone_visible(scene)
        pairs += _pairs(name, scene)
        taken = {source.path for pair in pairs for source in (pair.infrared, pair.visible)}  # type: ignore[attr-defined]
        unmatched += [
            Unmatched(path, _reason(band)) for band, paths in scene.bands.items() for path in paths if path not in taken
        ]
    if not pairs:
        raise PairError(
            f"{root}: no TNO pairs; expected ir/ and vi/ with equal file names, or the scene folders of the original "
            "archive (Athena_images/, DHV_images/, FEL_images/, Triclobs_images/)"
        )
    return PairDataset("tno", tuple(pairs), tuple(unmatched))


def _top(root: Path) -> Path:
    """The folder that holds the cameras' folders, so that pairs are called alike wherever the archive lies."""
    camera = next((path for path in sorted(root.rglob("*")) if path.name.lower() in _CAMERAS and path.is_dir()), None)
    return camera.parent if camera else root


def _scenes(root: Path) -> dict[str, _Scene]:
    scenes: dict[str, _Scene] = {}
    for path in _images(root):
        folder_band = _BANDS.get(path.parent.name.lower())
        place = path.parent.parent if folder_band else path.parent
        name = "-".join(place.relative_to(root).parts) or root.name
        scene = scenes.setdefault(name, _Scene(sequence=folder_band is not None))
        scene.bands[folder_band or _band(path.stem)].append(path)
    return scenes


def _images(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        hidden = any(part.startswith((".", "__MACOSX")) for part in path.relative_to(root).parts)
        if path.suffix.lower() in SUFFIXES and not hidden and path.is_file():
            yield path


def _band(stem: str) -> str:
    words = re.findall("[a-z]+", stem.lower())
    return next((_BANDS[word] for word in words if word in _BANDS), "unknown")


def _numbers(path: Path) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", path.stem))


def _adopt_lone_visible(scene: _Scene) -> None:
    unknown = scene.bands["unknown"]
    if len(scene.bands["infrared"]) == 1 and not scene.bands["visible"] and len(unknown) == 1:
        scene.bands["visible"] = [unknown.pop()]


def _pairs(name: str, scene: _Scene) -> list[Pair]:
    infrared, visible = scene.bands["infrared"], scene.bands["visible"]
    if len(infrared) == 1 and len(visible) == 1 and not scene.sequence:
        return [Pair(name, ImageFile(infrared[0]), ImageFile(visible[0]))]
    left, right = _by_numbers(infrared), _by_numbers(visible)
    pairs = []
    for frame, key in enumerate(sorted(left.keys() & right.keys())):
        label = f"{name}-{'-'.join(map(str, key))}"
        where = (name, frame) if scene.sequence else (None, None)
        pairs.append(Pair(label, ImageFile(left[key]), ImageFile(right[key]), sequence=where[0], frame=where[1]))
    return pairs


def _by_numbers(paths: list[Path]) -> dict[tuple[int, ...], Path]:
    """Files by the numbers in their names; numbers that two files share say nothing and are left out."""
    keys = [_numbers(path) for path in paths]
    return {key: path for key, path in zip(keys, paths, strict=True) if key and keys.count(key) == 1}


def _reason(band: str) -> str:
    return {
        "near": "near infrared or image intensifier (NIR, II), no thermal band",
        "unknown": "its name tells neither infrared (IR, LWIR, thermal) nor visible (VIS, visual)",
    }.get(band, f"{band}, but no unique partner in its folder")
