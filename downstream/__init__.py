"""What fused images are good for: pedestrian detection and tracking.

Pictures go through a detector once (`detect`, `YoloDetector`); what it finds is scored by itself (`detection_scores`)
and is joined to tracks (`track`, `Sort`) that are scored too (`tracking_scores`). The heavy libraries are imported
when they are used: install the extra ``downstream``.
"""

from downstream.detection import DetectionScores, bootstrap_interval, detection_scores
from downstream.detector import Detector, YoloDetector, detect
from downstream.errors import DownstreamError
from downstream.sort import Sort, track
from downstream.tracking import TrackingScores, combined, tracking_scores

__all__ = [
    "DetectionScores",
    "Detector",
    "DownstreamError",
    "Sort",
    "TrackingScores",
    "YoloDetector",
    "bootstrap_interval",
    "combined",
    "detect",
    "detection_scores",
    "track",
    "tracking_scores",
]
