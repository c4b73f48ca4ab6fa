"""ultralytics' own average precision, for comparison with what its users report; never under COCO's name.

It differs from the COCO protocol: true boxes are matched by another rule, precision is interpolated linearly between
recalls, and ignore regions are unknown, so that whatever is found in one is a false alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ivif.datasets.boxes import Boxes
from ivif.downstream.detection import COCO_THRESHOLDS
from ivif.downstream.detector import load_ultralytics
from ivif.downstream.errors import require
from ivif.downstream.overlap import iou

LABELS = "ultralytics AP50", "ultralytics mAP"
"""What the two scores are called in tables."""


def ultralytics_map(
    detections: Mapping[str, Boxes], truths: Mapping[str, Boxes], label: str = "person"
) -> dict[str, float]:
    """mAP50 and mAP50-95 by the functions that ``yolo val`` computes them with, 0..1, by `LABELS`.

    Args:
        detections: by image, with scores; at least all images of `truths`.
        truths: by image; ignore regions are left out.
        label: the class that is scored; boxes of others are left out on both sides.

    Raises:
        DownstreamError: ultralytics is not installed.
    """
    load_ultralytics()
    matched, scores, objects = [], [], 0
    for name, truth in truths.items():
        true = _of(truth, label, ~truth.ignore)
        found = _of(detections[name], label, np.ones(len(detections[name]), dtype=np.bool_))
        found = found[np.argsort(-found.scores, kind="stable")]
        matched.append(_matches(true, found))
        scores.append(found.scores)
        objects += len(true)
    if not objects:
        return dict.fromkeys(LABELS, float("nan"))
    hits = torch.cat(matched).numpy()
    found_classes, true_classes = np.zeros(len(hits)), np.zeros(objects)
    results = require("ultralytics.utils.metrics").ap_per_class(
        hits, np.concatenate(scores), found_classes, true_classes, plot=False
    )
    precisions: NDArray[np.float64] = results[5][0]  # one class, ten thresholds
    return dict(zip(LABELS, (float(precisions[0]), float(precisions.mean())), strict=True))


def _of(boxes: Boxes, label: str, wanted: NDArray[np.bool_]) -> Boxes:
    return boxes[wanted & np.array([name == label for name in boxes.labels], dtype=np.bool_)]


def _matches(true: Boxes, found: Boxes) -> Tensor:
    """Which detections of one picture are right, ``bool [D, T]``."""
    if not len(true) or not len(found):
        return torch.zeros((len(found), len(COCO_THRESHOLDS)), dtype=torch.bool)
    validator = require("ultralytics.engine.validator").BaseValidator
    overlap = torch.from_numpy(iou(true.xyxy, found.xyxy))
    classes = torch.zeros(len(found)), torch.zeros(len(true))
    return validator.match_predictions(SimpleNamespace(iouv=torch.from_numpy(COCO_THRESHOLDS)), *classes, overlap)
