"""What fused images are good for: pedestrian detection and tracking.

Images go through a detector once (`detect`, `YoloDetector`); what it finds is scored by itself (`detection_scores`) and
is joined to tracks (`track`, `Sort`) that are scored too (`tracking_scores`). `evaluate` does all of it for the images
of one method and keeps what was found. The heavy libraries are imported when they are used: install the extra
``downstream``.
"""

from downstream.detection import DetectionScores, bootstrap_interval, detection_scores
from downstream.detector import Detector, DetectorSettings, YoloDetector, detect
from downstream.errors import DownstreamError
from downstream.evaluation import Evaluation, evaluate
from downstream.labelled_images import LabelledImage
from downstream.series import Series
from downstream.sort import Sort, track
from downstream.tracking import TrackingScores, combined, tracking_scores

__all__ = [
    "DetectionScores",
    "Detector",
    "DetectorSettings",
    "DownstreamError",
    "Evaluation",
    "LabelledImage",
    "Series",
    "Sort",
    "TrackingScores",
    "YoloDetector",
    "bootstrap_interval",
    "combined",
    "detect",
    "detection_scores",
    "evaluate",
    "track",
    "tracking_scores",
]
