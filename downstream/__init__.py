"""What fused images are good for: pedestrian detection and tracking.

Images go through a detector once (`detect`, `YoloDetector`); what it finds is scored by itself (`detection_scores`) and
is joined to tracks (`track`, `Sort`) that are scored too (`tracking_scores`). `evaluate` does all of it for the images
of one method and keeps what was found. The heavy libraries are imported when they are used: install the extra
``downstream``.
"""

from ivif._checkout import stand_for
from ivif.downstream.detection import DetectionScores, bootstrap_interval, detection_scores
from ivif.downstream.detector import Detector, DetectorSettings, YoloDetector, detect
from ivif.downstream.errors import DownstreamError
from ivif.downstream.evaluation import Evaluation, evaluate
from ivif.downstream.labelled_images import LabelledImage
from ivif.downstream.series import Series
from ivif.downstream.sort import Sort, track
from ivif.downstream.tracking import TrackingScores, combined, tracking_scores

if __name__ == "downstream":
    stand_for(__name__)

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
