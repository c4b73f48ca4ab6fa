"""What fused images are good for: pedestrian detection and tracking.

Images go through a detector once (`detect`, `YoloDetector`); what it finds is scored by itself (`detection_scores`) and
is joined to tracks (`track`, `Sort`) that are scored too (`tracking_scores`). `evaluate` does all of it for the images
of one method and keeps what was found. The heavy libraries are imported when they are used: install the extra
``downstream``.
"""

import lazy_loader

from ivif._checkout import stand_for

if __name__ == "downstream":
    stand_for(__name__)

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # `__init__.pyi` says what there is
