"""How pairs are fused: classical methods, networks, and the Reference-then-Supervision framework."""

import lazy_loader

from ivif._checkout import stand_for

if __name__ == "fusion":
    stand_for(__name__)

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)  # `__init__.pyi` says what there is
