"""Damaged weights: refused by name, in seconds."""

import time

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ivif.fusion.method import FusionError
from ivif.fusion.weights import read_weights
from ivif.fusion.weights.convert import checkpoint_files, read_checkpoint
from ivif.fusion.weights.manifest import write_weights


def test_one_flipped_bit_is_told_by_the_checksum_beside_it(tmp_path):
    network = nn.Linear(4, 3)
    path = tmp_path / "own.safetensors"
    write_weights(path, network.state_dict(), "own", "mine")
    read_weights(nn.Linear(4, 3), path)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(FusionError, match=r"own\.safetensors: its SHA-256 is .*damaged"):
        read_weights(nn.Linear(4, 3), path)
    path.with_suffix(".json").write_text('{"lr": 1}')  # of somebody else's, who says nothing of the content
    read_weights(nn.Linear(4, 3), path)


def test_a_checkpoint_that_holds_itself_is_refused_at_once(tmp_path):
    content: dict = {"epoch": 3}
    content["state_dict"] = content
    torch.save(content, tmp_path / "loop.pth")
    start = time.monotonic()
    with pytest.raises(FusionError, match=r"loop\.pth: expected a state dictionary"):
        read_checkpoint([tmp_path / "loop.pth"])
    assert time.monotonic() - start < 5


def test_an_index_without_its_data_is_refused(tmp_path):
    (tmp_path / "model.index").write_bytes(b"\0" * 64)
    with pytest.raises(FusionError, match=r"model\.data-00000-of-00001: cannot be read"):
        checkpoint_files([tmp_path / "model.index"])


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".index"])
@pytest.mark.parametrize(
    "data", [b"", b"\0" * 100, b"PK\x03\x04" + b"\xff" * 60, b"\x80\x02c__builtin__\neval\n", b"\xff" * 8]
)
def test_files_that_are_no_checkpoint(tmp_path, suffix, data):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(data)
    with pytest.raises(FusionError, match="broken"):
        read_checkpoint([path])


def test_a_safetensors_file_cut_off_is_refused(tmp_path):
    path = tmp_path / "own.safetensors"
    save_file(nn.Linear(4, 3).state_dict(), path)
    data = path.read_bytes()
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(FusionError, match=r"own\.safetensors"):
            read_weights(nn.Linear(4, 3), path)
