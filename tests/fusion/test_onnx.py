"""ONNX: exported networks equal PyTorch's in another program, at sizes they were not exported at."""

import numpy as np
import pytest
import torch

from ivif.fusion import FusionError
from ivif.fusion.cli import main
from ivif.fusion.loading import network_class, network_names
from ivif.fusion.onnx import NOT_EXPORTED, difference_from, export_onnx
from ivif.fusion.weights import is_shipped
from ivif.fusion.weights.convert import convert

onnxruntime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")


LIGHT = ("sdnet", "didfuse", "mmdrfuse", "datfuse", "lutfuse", "seafusion", "ifcnn_max", "sage", "u2fusion")
"""Networks that are exported in seconds; of networks that are built alike one."""

HEAVY = (
    "pmgi",
    "ydtr",
    "lrrnet",
    "gifnet",
    "fusiongan",
    "ddcgan",
    "rfn_nest",
    "densefuse",
    "tardal",
    "tardal_plusplus",
)
"""Networks that take longer, or whose results are black or white under random weights: with those that are used."""


def check(method, path):
    export_onnx(method, path)
    found = difference_from(method, path)
    assert found.mean < 1e-5 and found.largest < 1.01 / 255 and found.beyond < 2e-3


@pytest.mark.real
@pytest.mark.parametrize("name", HEAVY)
def test_exported_network_of_the_authors_is_the_same(weights_root, tmp_path, name):
    path = weights_root / "zoo" / f"{name}.safetensors"
    if not is_shipped(name):
        if not path.is_file():
            pytest.skip(f"needs {path}")
        convert(network_class(name), [path], tmp_path / "weights.safetensors")
        method = network_class(name)(tmp_path / "weights.safetensors")
    else:
        method = network_class(name)()
    check(method, tmp_path / f"{name}.onnx")


@pytest.mark.parametrize("name", LIGHT)
def test_exported_network_is_the_same_at_any_size(random_method, tmp_path, name):
    method, path = random_method(name), tmp_path / f"{name}.onnx"
    check(method, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    infrared, visible = torch.rand(1, 1, 61, 83), torch.rand(1, 3 if method.input == "rgb" else 1, 61, 83)
    (ours,) = session.run(None, {"infrared": infrared.numpy(), "visible": visible.numpy()})
    with torch.inference_mode():
        theirs = method.fuse_planes(infrared, visible).clamp(0, 1).numpy()
    assert ours.shape == theirs.shape and np.abs(ours - theirs).mean() < 1e-5


def test_another_networks_file_differs(random_method, random_weights, tmp_path):
    export_onnx(random_method("mmdrfuse"), tmp_path / "a.onnx")
    other = type(random_method("mmdrfuse"))(random_weights("mmdrfuse", seed=1))
    found = difference_from(other, tmp_path / "a.onnx")
    assert found.largest > 0.05 and found.beyond > 0.5


def test_file_tells_what_it_is(random_method, tmp_path):
    export_onnx(random_method("mmdrfuse"), tmp_path / "new" / "a.onnx")
    told = {entry.key: entry.value for entry in onnx.load(tmp_path / "new" / "a.onnx").metadata_props}
    assert told["method"] == "mmdrfuse" and told["multiple"] == "1" and "ACM MM 2024" in told["paper"]


def test_what_is_no_network_is_not_exported(tmp_path, capsys):
    assert main(["export", "average", "-o", str(tmp_path / "a.onnx")]) == 2
    assert "average is no network" in capsys.readouterr().err


@pytest.mark.parametrize("name", NOT_EXPORTED)
def test_what_cannot_be_exported_says_why(tmp_path, capsys, name):
    assert main(["export", name, "-o", str(tmp_path / "a.onnx")]) == 2
    assert f"{name} cannot be exported: its windows are lists of places" in capsys.readouterr().err


def test_every_network_is_tried_or_has_a_reason():
    """IFCNN's three differ in one operation, TarDAL+ and TarDAL++ in their weights."""
    alike = {"ifcnn_sum", "ifcnn_mean", "tardal_plus"}
    assert sorted({*LIGHT, *HEAVY, *NOT_EXPORTED, *alike}) == sorted(network_names())


def test_a_damaged_file_is_told(random_method, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(FusionError, match=r"a\.onnx: "):
        difference_from(random_method("mmdrfuse"), tmp_path / "a.onnx")
