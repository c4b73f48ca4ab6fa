"""Training of a small detector on labelled pictures: the protocol "retrained", and detectors of one's own.

A frozen detector was trained on visible photographs and favours methods whose images look like them. Retrained, the
same small network starts from the same weights for every method, with the same seed and as many steps, on that
method's images; what differs is what the images hold.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from ivif.datasets.boxes import Boxes, write_yolo
from ivif.datasets.files import sha256_file, write_atomic
from ivif.datasets.images import write_png
from ivif.datasets.labels import LabelError, check_labels
from ivif.downstream.detector import find_detector, load_ultralytics
from ivif.downstream.errors import DownstreamError
from ivif.downstream.labelled_images import LabelledImage

BACKGROUND = 114
"""Grey that ultralytics pads with: it tells a network nothing."""


MARK = "a training of ivif-bench"
"""Name of the file that tells a folder of ours from anybody else's, which is never deleted."""


@dataclass(frozen=True)
class Budget:
    """What every training of a comparison has in common.

    Attributes:
        base: weights to start from (a file or an official name), or ``yolov8n.yaml`` for a network that knows nothing.
        epochs: passes over all pictures.
        image_size: longer side in pixels that the network sees.
        batch: pictures a step.
        seed: decides the order of pictures, their augmentation and new weights.
        device: "cpu", "cuda", "auto".
    """

    base: str = "yolov8n.pt"
    epochs: int = 30
    image_size: int = 640
    batch: int = 16
    seed: int = 0
    device: str = "auto"


def train_detector(
    images: Iterable[LabelledImage],
    out: Path,
    budget: Budget | None = None,
    label: str = "person",
    progress: Callable[[int], object] = lambda epochs: None,
) -> Path:
    """Train a detector of one class.

    The last weights count, not the best ones on some validation set: methods shall differ by their images alone.
    Ignore regions are painted grey, as YOLO's labels have no word for them. The same pictures and budget give the same
    weights on the same machine.

    Args:
        images: with labels, also such without any object; names are unique.
        out: the weights, a ``.pt`` file; ultralytics' own record of the training lies beside it in ``NAME.training``.
        budget: the default `Budget` if None.
        label: the class to learn; boxes of others count as background.
        progress: called with the number of epochs that are done since its last call.

    Returns:
        `out`.

    Raises:
        DownstreamError: ultralytics is not installed or failed, no picture has an object of that class, a picture has
            no labels or labels outside, ``NAME.training`` is somebody else's.
        ImageError, PairError, FusionError: a picture cannot be read or fused.
    """
    budget = budget or Budget()
    if out.suffix != ".pt":
        raise DownstreamError(f"{out}: trained weights are written as .pt; end the name so")
    ultralytics = load_ultralytics()
    base = budget.base if budget.base.endswith(".yaml") else str(find_detector(budget.base))
    record = out.with_name(f"{out.stem}.training").absolute()
    if record.exists() and not (record / MARK).is_file():
        raise DownstreamError(
            f"{record} is in the way: it is not of an earlier training; move it, or train to elsewhere"
        )
    shutil.rmtree(record, ignore_errors=True)
    write_atomic(record / MARK, b"")
    data = _write_training_set(images, record / "data", label)
    try:
        network = ultralytics.YOLO(base, task="detect", verbose=False)
        network.add_callback("on_train_epoch_end", lambda trainer: progress(1))
        network.train(**_settings(budget, data, record))
    except Exception as error:
        raise DownstreamError(f"training from {budget.base} failed ({type(error).__name__}: {error})") from error
    _publish(ultralytics.YOLO(record / "training" / "weights" / "last.pt", task="detect", verbose=False), out)
    shutil.rmtree(record / "data")
    return out


def write_certificate(weights: Path, budget: Budget, label: str, seen: Mapping[str, Sequence[str]]) -> None:
    """Write beside trained weights, as ``NAME.json``, how they came to be.

    Args:
        weights: the ``.pt`` file.
        budget, label: what they were trained with.
        seen: names of the pictures that they were trained on, by data set.
    """
    base = Path(budget.base)
    facts = {
        "sha256": sha256_file(weights),
        "label": label,
        **asdict(budget),
        "base_sha256": sha256_file(base) if base.is_file() else None,
        "seen": {data: sorted(set(names)) for data, names in seen.items()},
    }
    write_atomic(weights.with_suffix(".json"), f"{json.dumps(facts, indent=1)}\n".encode())


def seen_by(weights: Path, data: str) -> set[str]:
    """Names of the pictures of a data set that weights were trained on, as far as a file beside them tells."""
    try:
        facts = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
        return set(facts["seen"][data]) if facts["sha256"] == sha256_file(weights) else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _publish(network: Any, out: Path) -> None:
    """Save a trained network without what ultralytics records of this machine: folders, and the repository around."""
    network.ckpt.pop("git", None)
    kept = {"task": "detect", "imgsz": network.overrides["imgsz"], "single_cls": False}
    network.ckpt["train_args"] = network.model.args = kept
    network.model.pt_path = out.name
    network.save(out)


def _settings(budget: Budget, data: Path, record: Path) -> dict[str, Any]:
    return {
        "data": str(data),
        "epochs": budget.epochs,
        "imgsz": budget.image_size,
        "batch": budget.batch,
        "seed": budget.seed,
        "device": ("0" if torch.cuda.is_available() else "cpu") if budget.device == "auto" else budget.device,
        "project": str(record),
        "name": "training",
        "exist_ok": True,
        "deterministic": True,
        "val": False,
        "plots": False,
        "amp": False,  # its self-test would fetch another model
        "workers": 0,
        "verbose": False,
    }


def _write_training_set(images: Iterable[LabelledImage], folder: Path, label: str) -> Path:
    """Pictures and labels in the folders that ultralytics expects; gives the file that describes them."""
    objects = 0
    for image in images:
        pixels = image.source.read()
        size = (pixels.shape[2], pixels.shape[1])
        boxes = _labels(image, size, label)
        objects += int((~boxes.ignore).sum())
        write_png(folder / "images" / f"{image.name}.png", _without(pixels.expand(3, -1, -1), boxes[boxes.ignore]))
        write_atomic(folder / "labels" / f"{image.name}.txt", write_yolo(boxes, size, (label,)).encode())
    if not objects:
        raise DownstreamError(f"no picture with a labelled {label}: there is nothing to learn")
    # No validation is done, but ultralytics insists on a set for it.
    description = {"path": str(folder), "train": "images", "val": "images", "names": {0: label}}
    write_atomic(folder / "data.yaml", yaml.safe_dump(description).encode())
    return folder / "data.yaml"


def _labels(image: LabelledImage, size: tuple[int, int], label: str) -> Boxes:
    """The image's boxes of the class, cut to the image."""
    if image.boxes is None:
        raise DownstreamError(f"{image.name} has no labels; a picture without objects needs an empty label file")
    boxes = image.boxes
    try:
        check_labels(boxes, size)
    except LabelError as error:
        raise DownstreamError(f"{image.name}: {error}") from error
    cut = Boxes(boxes.xyxy.clip(0, [*size, *size]), boxes.labels, ignore=boxes.ignore)
    chosen = [name == label or bool(ignored) for name, ignored in zip(cut.labels, cut.ignore, strict=True)]
    return cut[np.array(chosen, dtype=np.bool_)]


def _without(image: Tensor, regions: Boxes) -> Tensor:
    """``uint8 [3, H, W]`` with grey in the ignore regions."""
    image = image.clone()
    for left, top, right, bottom in regions.xyxy.round().astype(int).tolist():
        image[:, top:bottom, left:right] = BACKGROUND
    return image
