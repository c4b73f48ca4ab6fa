"""What is fused: pairs of infrared and visible images, with labels where they exist."""

import lazy_loader

from ivif._checkout import stand_for

if __name__ == "datasets":
    stand_for(__name__)

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # `__init__.pyi` says what there is
