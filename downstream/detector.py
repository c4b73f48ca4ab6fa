"""Detectors: what one must be able to do, and YOLO through ultralytics.

Detectors give all they find down to a very low score, as average precision needs; trackers and the working point take
what lies above their own threshold.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ivif.datasets.boxes import Boxes, class_name
from ivif.datasets.download import DownloadError, fetch
from ivif.datasets.files import cache_root, make_folder, sha256_bytes, sha256_file
from ivif.downstream.errors import DownstreamError, require

DEFAULT_DETECTOR = "yolov8n.pt"
"""YOLOv8 nano, trained on COCO, fetched by ultralytics on first use: for photographs."""

SHIPPED_DETECTOR = "pedestrian.pt"
"""YOLOv8 nano, trained by this project on rendered scenes, seen by both cameras and by simple fusions alike: for
rendered scenes. It lies in the folder ``weights`` beside this module."""

IMAGE_SIZE = 640
"""Pixels that a detector sees whose file does not tell what it was trained for."""

OFFICIAL = "https://github.com/ultralytics/assets/releases/download/v8.3.0"
"""Where official models lie. Nobody publishes their checksums: a detector's fingerprint has that of the file."""

LARGEST_DETECTOR = 1 << 30
"""Bytes of the largest model that is fetched."""

PILLOW_OPEN = Image.open
"""How Pillow opens files. ultralytics puts another function in its place, for the whole process, that asks for one more
library at each file that is no picture; `load_ultralytics` puts this one back."""


def default_detector(rendered: bool) -> str:
    """The detector of whoever names none, for rendered scenes or for photographs."""
    return SHIPPED_DETECTOR if rendered else DEFAULT_DETECTOR


class Detector(Protocol):
    """Finds objects in pictures."""

    name: str

    def detect(self, images: Sequence[Tensor]) -> list[Boxes]:
        """Boxes with scores for each picture, ``uint8 [1 or 3, H, W]``; best first."""

    def fingerprint(self) -> str:
        """A hash that changes when what it finds may change."""


def detect(detector: Detector, images: Iterable[Tensor], batch: int = 8) -> list[Boxes]:
    """What a detector finds in each picture.

    Args:
        detector: any `Detector`.
        images: ``uint8 [1 or 3, H, W]`` each; sizes may differ.
        batch: pictures handed over at a time.

    Returns:
        As many boxes as pictures, cut to the picture; boxes without area are left out.

    Raises:
        DownstreamError: the detector failed, or gave another number of results than it was given pictures.
    """
    found: list[Boxes] = []
    for pictures in _batches(images, batch):
        results = detector.detect(pictures)
        if len(results) != len(pictures):
            raise DownstreamError(f"{detector.name} gave {len(results)} results for {len(pictures)} pictures")
        found += [_inside(boxes, picture) for boxes, picture in zip(results, pictures, strict=True)]
    return found


def _batches(images: Iterable[Tensor], size: int) -> Iterator[list[Tensor]]:
    waiting: list[Tensor] = []
    for image in images:
        waiting.append(image)
        if len(waiting) == size:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _inside(boxes: Boxes, picture: Tensor) -> Boxes:
    height, width = picture.shape[-2:]
    corners = boxes.xyxy.clip(0, [width, height, width, height])
    cut = Boxes(corners, boxes.labels, boxes.ids, boxes.scores, boxes.ignore, boxes.visibility)
    return cut[(cut.width > 0) & (cut.height > 0)]


@dataclass(frozen=True)
class DetectorSettings:
    """How a detector is asked. All of it is part of its fingerprint, and what every command takes if nothing is said.

    Average precision needs the long tail of unsure detections, so that all are asked for alike: what is a detection and
    what is not is decided by those who read them, see `downstream.detection.WORKING_SCORE` and `Sort`.

    Attributes:
        image_size: longer side in pixels that the network sees; exports with a fixed size take that one only. None:
            what a ``.pt`` file was trained for, else `IMAGE_SIZE`.
        min_score: boxes below are dropped.
        overlap: of two boxes with a larger intersection over union the one with the lower score is dropped.
        limit: boxes kept an image: as many as the COCO protocol looks at.
        label: the class to look for, by the detector's name for it.
    """

    image_size: int | None = None
    min_score: float = 0.001
    overlap: float = 0.7
    limit: int = 100
    label: str = "person"


class YoloDetector:
    """YOLO, by any weights that ultralytics loads for detection: ``.pt``, ``.onnx`` and other exports.

    Weights are a file, `SHIPPED_DETECTOR`, or the name of an official model such as "yolov8n.pt", which ultralytics
    fetches once and this project keeps in its cache. Nothing else touches the network. Loading a ``.pt`` runs code in
    it: use files of people you trust.

    Pictures are scaled to the settings' image size and padded as ultralytics does; the default settings are its own for
    validation.

    Args:
        weights: a file, `SHIPPED_DETECTOR`, or the name of an official model.
        settings: how it is asked.
        device: "auto", "cpu", "cuda", "cuda:1".

    Raises:
        DownstreamError: ultralytics is not installed, no such file, not a detector, no such class in it.
    """

    def __init__(
        self,
        weights: Path | str,
        settings: DetectorSettings | None = None,
        device: str = "auto",
    ) -> None:
        settings = settings or DetectorSettings()
        self.weights = find_detector(weights)
        self.name = self.weights.stem
        self.label = settings.label
        self._settings: dict[str, Any] = {
            "imgsz": settings.image_size,
            "conf": settings.min_score,
            "iou": settings.overlap,
            "max_det": settings.limit,
        }
        self._device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self._model = self._load()
        self._settings["classes"] = [self._class_index()]
        self._check_size()

    @property
    def image_size(self) -> int:
        """Longer side in pixels that the network sees."""
        return self._settings["imgsz"]

    def detect(self, images: Sequence[Tensor]) -> list[Boxes]:
        """Boxes with scores for each picture, ``uint8 [1 or 3, H, W]``; best first.

        Pictures of one size that stand side by side go through the network together. Different sizes never do: they
        would be padded to each other's shape, and what is found would depend on the neighbour.
        """
        found: list[Boxes] = []
        for _, group in groupby(images, key=lambda image: tuple(image.shape[-2:])):
            found += [self._boxes(result) for result in self._predict([_blue_green_red(image) for image in group])]
        return found

    def fingerprint(self) -> str:
        """Hash of the weights' bytes, the settings and the version of ultralytics."""
        version = require("ultralytics").__version__
        return sha256_bytes(f"{sha256_file(self.weights)} {self._settings} {self.label} {version}".encode())

    def _load(self) -> Any:
        ultralytics = load_ultralytics()
        try:
            model = ultralytics.YOLO(str(self.weights), task="detect", verbose=False)
            if model.task != "detect":
                raise DownstreamError(f"{self.weights}: made to {model.task}, not to detect")
            if self._settings["imgsz"] is None:
                self._settings["imgsz"] = model.overrides.get("imgsz", IMAGE_SIZE)
            # Exports are opened by the first prediction only: look at a black picture.
            model.predict(np.zeros((32, 32, 3), np.uint8), verbose=False, device=self._device, **self._settings)
        except DownstreamError:
            raise
        except Exception as error:  # ultralytics raises whatever the format's reader does
            raise DownstreamError(
                f"{self.weights}: not a detector that ultralytics can load ({_first(error)})"
            ) from error
        return model

    def _class_index(self) -> int:
        names: dict[int, str] = self._model.predictor.model.names
        for index, name in names.items():
            if class_name(name) == class_name(self.label):
                return index
        known = ", ".join(list(names.values())[:10])
        raise DownstreamError(f"{self.weights}: knows no class {self.label!r}, it knows {known}")

    def _check_size(self) -> None:
        """Exports with a fixed size, and sizes that are no multiple of the network's stride, get another one."""
        taken = max(self._model.predictor.imgsz)
        if taken != self.image_size:
            raise DownstreamError(
                f"{self.weights}: cannot look at {self.image_size} pixels, it takes {taken} (--image-size {taken})"
            )

    def _predict(self, pictures: list[np.ndarray]) -> list[Any]:
        try:
            return self._model.predict(pictures, verbose=False, device=self._device, **self._settings)
        except Exception as error:
            raise DownstreamError(
                f"{self.weights}: detection failed at image size {self._settings['imgsz']} on {self._device} "
                f"({_first(error)})"
            ) from error

    def _boxes(self, result: Any) -> Boxes:
        corners = result.boxes.xyxy.cpu().numpy().astype(np.float64)
        scores = result.boxes.conf.cpu().numpy().astype(np.float64)
        order = np.argsort(-scores, kind="stable")
        return Boxes(corners[order], (self.label,) * len(order), scores=scores[order])


def load_ultralytics() -> Any:
    """The library ultralytics, told beforehand to send nothing, to install nothing and to keep its files with ours.

    A user's own settings in the environment win. Raises `DownstreamError` where it is not installed.
    """
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    folder = Path(os.environ.setdefault("YOLO_CONFIG_DIR", str(cache_root() / "ultralytics")))
    make_folder(folder)
    with np.printoptions():  # which ultralytics sets for the whole process
        ultralytics = require("ultralytics")
    Image.open = PILLOW_OPEN
    return ultralytics


def find_detector(weights: Path | str) -> Path:
    """The file that holds `weights`: one that is named so, `SHIPPED_DETECTOR`, or an official model, fetched once.

    Raises:
        DownstreamError: no such file, and no official model of that name or it cannot be fetched.
    """
    path = Path(weights).expanduser()
    if path.is_file():
        return path
    if str(weights) == SHIPPED_DETECTOR:
        return Path(__file__).parent / "weights" / SHIPPED_DETECTOR
    load_ultralytics()
    downloads = require("ultralytics.utils.downloads")
    kept = cache_root() / "detectors" / path.name
    if path.parent != Path() or path.name not in downloads.GITHUB_ASSETS_NAMES:
        raise DownstreamError(
            f"{path}: no such file; give a detector's file, {SHIPPED_DETECTOR}, "
            f"or an official name like {DEFAULT_DETECTOR}"
        )
    if not kept.is_file():
        make_folder(kept.parent)
        try:
            fetch(f"{OFFICIAL}/{path.name}", kept, most=LARGEST_DETECTOR, attempts=2)
        except DownloadError as error:
            raise DownstreamError(_not_fetched(path.name, kept, str(error))) from error
    return kept


def _not_fetched(name: str, kept: Path, reason: str) -> str:
    return f"{name} cannot be fetched ({reason}); put it into {kept.parent}, or name a file that is here"


def _blue_green_red(image: Tensor) -> np.ndarray:
    """``uint8 [H, W, 3]`` in the order of channels that ultralytics expects of arrays."""
    return np.ascontiguousarray(image.expand(3, -1, -1).permute(1, 2, 0).cpu().numpy()[..., ::-1])


def _first(error: Exception) -> str:
    """The first line of an error's message, with its kind."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
