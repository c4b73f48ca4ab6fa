"""Parity with the authors' classes under the authors' weights, as stored for two crops, one of odd sides.

``pytest -s tests/fusion/test_zoo_parity.py`` prints the table.
"""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tabulate import tabulate

from ivif.fusion.loading import network_class, network_names
from ivif.fusion.networks.tardal import TarDAL
from ivif.fusion.weights import is_shipped, read_weights
from ivif.fusion.weights.convert import convert, to_network, torch_layout

pytestmark = pytest.mark.real

OUTPUT = 1e-4
"""Largest difference of an output in 0..1."""

ZOO = [name for name in network_names() if not is_shipped(name)]
CASES = ("vifb_carlight", "tno_08")

IMAGES = {
    "seafusion": 0.01,
    "u2fusion": 0.01,
    "densefuse": 0.01,
    "ydtr": 0.01,
    "lrrnet": 0.01,
    "mmdrfuse": 0.01,
    "tardal": 0.1,  # the authors put chroma back with OpenCV's rounded conversion
    "tardal_plus": 0.1,
    "tardal_plusplus": 0.15,
    "gifnet": 0.5,  # the authors cut the visible luminance down to whole levels
    "sage": 0.8,  # the authors' rounded chroma is half a level off grey, in opposite directions for green and the rest
}
"""Largest mean difference of the whole method from the image that the authors write, in grey levels.

Not compared: DATFuse, whose negative values wrap to white; IFCNN, whose authors write grey images (its colour images
are compared below); LUT-Fuse, of which crops were stored whose statistics are not those of the whole.
"""


@pytest.fixture(scope="module")
def published(weights_root, tmp_path_factory):
    """``published("ydtr")``: the network with its authors' weights, converted as a user's would be."""
    folder = tmp_path_factory.mktemp("zoo")

    def make(name):
        cls, source, target = network_class(name), weights_root / "zoo" / f"{name}.safetensors", folder / name
        target = target.with_suffix(".safetensors")
        if not source.is_file():
            pytest.skip(f"needs {source}")
        if target.is_file():
            return cls(target)
        if name == "u2fusion":  # stored in TensorFlow's layout, names with dots for slashes
            variables = {key.replace(".", "/"): value.numpy() for key, value in load_file(source).items()}
            tensors, _ = to_network(cls, {key: torch_layout(key, value) for key, value in variables.items()})
            save_file(tensors, target)
        else:
            convert(cls, [source], target)
        return cls(target)

    return make


@pytest.fixture
def case(golden_root):
    """``case("ydtr", "tno_08")``: its arrays by name."""

    def read(name, crop):
        path = golden_root / "zoo" / name / f"{crop}.npz"
        if not path.is_file():
            pytest.skip(f"needs {path}")
        arrays = np.load(path)
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}

    return read


@pytest.fixture(scope="module")
def table():
    rows = []
    yield rows
    if rows:
        print("\n" + tabulate(rows, ["network", "case", "max |d|", "mean |d|"], floatfmt=".2g"))


def batch(image):
    """``[1, C, H, W]`` of a stored image."""
    return image[None, None] if image.ndim == 2 else image[None]


def compare(ours, theirs, scale, rows, *labels):
    difference = (ours.squeeze() - theirs).abs() / scale
    rows.append((*labels, difference.max().item(), difference.mean().item()))
    assert difference.max() <= OUTPUT


@pytest.mark.parametrize("crop", CASES)
@pytest.mark.parametrize("name", ZOO)
def test_raw_output(published, case, table, name, crop):
    arrays = case(name, crop)
    infrared, visible = batch(arrays["net/infrared"]), batch(arrays["net/visible"])
    if name.startswith("ifcnn"):  # the authors' grey route
        infrared, visible = (image.expand(-1, 3, -1, -1) for image in (infrared, visible))
    with torch.inference_mode():
        fused = published(name).network(infrared, visible)
    compare(fused, arrays["out/raw"], 255 if name == "densefuse" else 1, table, name, crop)


@pytest.mark.parametrize("crop", CASES)
def test_tardal_by_moving_averages(weights_root, case, table, crop):
    arrays, network = case("tardal", crop), TarDAL()
    read_weights(network, weights_root / "zoo" / "tardal.safetensors")
    with torch.inference_mode():
        fused = network.eval()(batch(arrays["net/infrared"]), batch(arrays["net/visible"]))
    compare(fused, arrays["out/raw_eval"], 1, table, "tardal, moving averages", crop)


@pytest.mark.parametrize("crop", CASES)
@pytest.mark.parametrize("name", [*IMAGES, "ifcnn_max"])
def test_image_that_the_authors_write(published, case, name, crop):
    arrays = case(name, crop)
    theirs = arrays["out/image_rgb" if name == "ifcnn_max" else "out/image"].float()
    infrared, visible = arrays["in/infrared"], arrays["in/visible"].permute(2, 0, 1)
    if theirs.ndim == 2:  # what the authors read as grey, in whole levels
        visible = (visible * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0).round()
    else:
        theirs = theirs.permute(2, 0, 1)
    ours = published(name).fuse(batch(infrared) / 255, batch(visible) / 255)[0] * 255
    assert (ours.round() - theirs).abs().mean() <= IMAGES.get(name, 0.01)
