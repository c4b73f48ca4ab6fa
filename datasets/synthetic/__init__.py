"""Synthetic scenes: both spectra rendered from one world, with exact boxes and tracks.

From the ground up, each knowing only what is named before it:

- `climate`, `conditions`: hour and weather, as light for one camera and as temperatures for the other;
- `optics`: what light, heat and cameras do;
- `things`: what stands or moves in a scene;
- `places`: where scenes are set, filled from a seed and painted as far as they stand still;
- `truth`, `scene`: frames seen by both cameras, and what is known exactly of the people in them;
- `suite`, `crossover`: named sets of scenes in a cache, and these with people nearly as warm as what is around them;
- `preview`, `export`: pictures to look at, folders with labels.

What others use is imported here.
"""

from __future__ import annotations

from ivif.datasets.synthetic.conditions import CONDITIONS
from ivif.datasets.synthetic.crossover import crossover_source
from ivif.datasets.synthetic.export import write_render
from ivif.datasets.synthetic.scene import Rendered, render_pair, render_sequence
from ivif.datasets.synthetic.suite import CHALLENGE, SUITES, Suite, challenge_dataset, synthetic_dataset

__all__ = [
    "CHALLENGE",
    "CONDITIONS",
    "SUITES",
    "Rendered",
    "Suite",
    "challenge_dataset",
    "crossover_source",
    "render_pair",
    "render_sequence",
    "synthetic_dataset",
    "write_render",
]
