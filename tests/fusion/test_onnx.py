"""ONNX: exported networks equal PyTorch's in another program, at sizes they were not exported at."""

import numpy as np
import pytest
import torch

from ivif.fusion import FusionError
from ivif.fusion.cli import main
from ivif.fusion.onnx import difference_from, export_onnx

onnxruntime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")


@pytest.mark.parametrize("name", ["mmdrfuse", "datfuse", "lutfuse"])
def test_exported_network_is_the_same_at_any_size(random_method, tmp_path, name):
    method, path = random_method(name), tmp_path / f"{name}.onnx"
    export_onnx(method, path)
    largest, mean = difference_from(method, path)
    assert mean < 1e-5 and largest < 1.01 / 255
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    infrared, visible = torch.rand(1, 1, 61, 83), torch.rand(1, 3 if method.input == "rgb" else 1, 61, 83)
    (ours,) = session.run(None, {"infrared": infrared.numpy(), "visible": visible.numpy()})
    with torch.inference_mode():
        theirs = method.fuse_planes(infrared, visible).clamp(0, 1).numpy()
    assert ours.shape == theirs.shape and np.abs(ours - theirs).mean() < 1e-5


def test_another_networks_file_differs(random_method, random_weights, tmp_path):
    export_onnx(random_method("mmdrfuse"), tmp_path / "a.onnx")
    other = type(random_method("mmdrfuse"))(random_weights("mmdrfuse", seed=1))
    assert difference_from(other, tmp_path / "a.onnx")[0] > 0.05


def test_file_tells_what_it_is(random_method, tmp_path):
    export_onnx(random_method("mmdrfuse"), tmp_path / "new" / "a.onnx")
    told = {entry.key: entry.value for entry in onnx.load(tmp_path / "new" / "a.onnx").metadata_props}
    assert told["method"] == "mmdrfuse" and told["multiple"] == "1" and "ACM MM 2024" in told["paper"]


def test_what_is_no_network_is_not_exported(tmp_path, capsys):
    assert main(["export", "average", "-o", str(tmp_path / "a.onnx")]) == 2
    assert "average is no network" in capsys.readouterr().err


def test_a_damaged_file_is_told(random_method, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(FusionError, match=r"a\.onnx: "):
        difference_from(random_method("mmdrfuse"), tmp_path / "a.onnx")
