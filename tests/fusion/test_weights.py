"""Weights: checkpoints read as numbers, renamed, written with a manifest, fetched, and refused where they should be."""

import argparse
import functools
import http.server
import itertools
import json
import pickle
import re
import struct
import threading
from urllib.parse import unquote

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ivif.datasets.files import sha256_file
from ivif.fusion import FusionError
from ivif.fusion.loading import load, network_class, network_names
from ivif.fusion.networks.ddcgan import DDcGANDiscriminator, DDcGANMethod
from ivif.fusion.networks.didfuse import DIDFuseMethod
from ivif.fusion.networks.fusiongan import FusionGANDiscriminator, FusionGANMethod
from ivif.fusion.networks.pmgi import PMGIMethod
from ivif.fusion.networks.sdnet import SDNet, SDNetMethod
from ivif.fusion.weights import is_shipped, read_weights
from ivif.fusion.weights.cli import fill_weights, weights_problems
from ivif.fusion.weights.convert import as_safetensors, checkpoint_files, convert, read_checkpoint, torch_layout
from ivif.fusion.weights.fetch import fetch_published, published_weights
from ivif.fusion.weights.manifest import problems, read_manifest, write_weights
from ivif.fusion.weights.published import PublishedWeights, RemoteCheckpoint
from ivif.fusion.weights.renaming import new_names
from ivif.fusion.weights.tensorflow import crc32c, read_bundle

TYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "float16": 19}

# A TensorFlow checkpoint written by hand, from the description of the format


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def slow_crc32c(data):
    """Bit by bit, polynomial 0x1EDC6F41 reflected."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def masked(data):
    crc = slow_crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32)


def block(entries, compression=0):
    """A block of a sorted table: shared prefixes, one restart point, compression, checksum."""
    out, before = b"", b""
    for key, value in entries:
        shared = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(before, key, strict=False))))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    out += struct.pack("<II", 0, 1) + bytes([compression])
    return out + masked(out)


def table(blocks):
    """The whole index file of lists of entries, one a block."""
    out, handles = b"", []
    for entries in blocks:
        content = block(entries)
        handles.append((entries[-1][0], varint(len(out)) + varint(len(content) - 5)))
        out += content
    places = []
    for entries in ([], handles):
        content = block(entries)
        places.append(varint(len(out)) + varint(len(content) - 5))
        out += content
    return out + b"".join(places).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def entry(value, offset):
    content = np.ascontiguousarray(value).tobytes()
    sides = b"".join(b"\x12" + varint(len(side)) + side for side in (b"\x08" + varint(n) for n in value.shape))
    message = b"\x08" + varint(TYPES[str(value.dtype)]) + b"\x12" + varint(len(sides)) + sides
    message += (b"\x20" + varint(offset) if offset else b"") + b"\x28" + varint(len(content))
    return message + b"\x35" + masked(content), content


def write_bundle(prefix, variables, header=b"\x08\x01\x1a\x02\x08\x01"):
    """``prefix.index`` in two blocks, and ``prefix.data-00000-of-00001``."""
    data, entries = b"", [(b"", header)]
    for name in sorted(variables):
        message, content = entry(np.asarray(variables[name]), len(data))
        entries.append((name.encode(), message))
        data += content
    half = len(entries) // 2
    prefix.with_name(prefix.name + ".data-00000-of-00001").write_bytes(data)
    index = prefix.with_name(prefix.name + ".index")
    index.write_bytes(table([entries[:half], entries[half:]]))
    return index


VARIABLES = {
    "model/layer1/kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "model/layer1/bias": np.array([1.5, -2.5], np.float32),
    "model/layer2/kernel": np.arange(6, dtype=np.float64).reshape(2, 3),
    "global_step": np.array(2**40, np.int64),
    "counts": np.array([[1, -2]], np.int32),
    "half": np.array([0.5, 65504], np.float16),
    "empty": np.zeros((0, 3), np.float32),
}


def test_checksum_has_the_published_check_value():
    assert crc32c(b"123456789") == slow_crc32c(b"123456789") == 0xE3069283


def test_bundle_by_hand(tmp_path):
    index = write_bundle(tmp_path / "model.ckpt-3", VARIABLES)
    for path in (index, tmp_path / "model.ckpt-3", tmp_path / "model.ckpt-3.data-00000-of-00001"):
        found = read_bundle(path)
        assert found.keys() == VARIABLES.keys()
        for name, value in VARIABLES.items():
            np.testing.assert_array_equal(found[name], value)
            assert found[name].dtype == value.dtype and found[name].shape == value.shape


def test_missing_data_file(tmp_path):
    index = write_bundle(tmp_path / "model", VARIABLES)
    (tmp_path / "model.data-00000-of-00001").unlink()
    with pytest.raises(FusionError, match=r"model.data-00000-of-00001: cannot be read .* index and data"):
        read_bundle(index)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda index: index[:-1] + b"\0", "not the index of a TensorFlow checkpoint"),
        (lambda index: b"", "not the index"),
        (lambda index: index[:20] + bytes([index[20] ^ 1]) + index[21:], "wrong checksum of a block"),
        (lambda index: index[100:], "damaged|cut off|checksum|compressed"),
    ],
)
def test_damaged_index(tmp_path, change, message):
    index = write_bundle(tmp_path / "model", VARIABLES)
    index.write_bytes(change(index.read_bytes()))
    with pytest.raises(FusionError, match=message):
        read_bundle(index)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-4], "should be .* bytes, found .* cut off"),
        (lambda data: bytes([data[0] ^ 1]) + data[1:], "wrong checksum of counts"),
    ],
)
def test_damaged_data(tmp_path, change, message):
    index = write_bundle(tmp_path / "model", VARIABLES)
    data = tmp_path / "model.data-00000-of-00001"
    data.write_bytes(change(data.read_bytes()))
    with pytest.raises(FusionError, match=message):
        read_bundle(index)


@pytest.mark.parametrize(
    ("header", "message"),
    [(b"", "number of data files"), (b"\x08\x01\x10\x01", "big-endian"), (b"\x08\x02", "data-00000-of-00002")],
)
def test_headers_that_are_not_understood(tmp_path, header, message):
    with pytest.raises(FusionError, match=message):
        read_bundle(write_bundle(tmp_path / "model", VARIABLES, header))


def test_text_variables_are_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(TYPES, "float32", 7)
    with pytest.raises(FusionError, match="has data type 7; expected numbers"):
        read_bundle(write_bundle(tmp_path / "model", {"text": np.zeros(2, np.float32)}))


def test_compressed_blocks_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.block", functools.partial(block, compression=1))
    with pytest.raises(FusionError, match="blocks are compressed"):
        read_bundle(write_bundle(tmp_path / "model", VARIABLES))


# Names and layout


def test_layout():
    kernel = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    assert torch_layout("a/kernel", kernel)[1, 0, 0, 2] == kernel[0, 2, 0, 1]
    assert torch_layout("a/kernel", kernel[0, 0]).tolist() == kernel[0, 0].T.tolist()
    assert torch_layout("a/weights_SN/u", np.zeros((1, 5), np.float32)).shape == (1, 5)


@pytest.mark.parametrize(
    ("rules", "published", "expected"),
    [
        (DIDFuseMethod.renaming, "cov1.cov1.1.weight", "enc1.conv.weight"),
        (DIDFuseMethod.renaming, "cov7.cov7.2.running_var", "dec7.bn.running_var"),
        (DIDFuseMethod.renaming, "cov4.cov4.0.bias", "encD.conv.bias"),
        (DIDFuseMethod.renaming, "cov5.cov5.2.weight", "dec5.act.weight"),
        (PMGIMethod.renaming, "fusion_model/layer2_3_vi/w2_3_vi", "conv.layer2_3_vi.weight"),
        (PMGIMethod.renaming, "fusion_model/layer1/BatchNorm/moving_variance", "bn.layer1.running_var"),
        (SDNetMethod.renaming, "fusion_model/layer5_fuse/b5_fuse", "conv.layer5_fuse.bias"),
        (FusionGANMethod.renaming, "fusion_model/layer3/weights_SN/u", "conv.layer3.u"),
        (FusionGANDiscriminator.renaming, "discriminator/line_5/w_5", "linear.line_5.weight"),
        (FusionGANDiscriminator.renaming, "discriminator/layer_2/BatchNorm/gamma", "bn.layer_2.weight"),
        (DDcGANMethod.renaming, "Generator/encoder/dense_block_conv3/kernel", "encoder.conv.dense_block_conv3.weight"),
        (DDcGANMethod.renaming, "Generator_1/decoder/conv2_1_1/bias", "decoder.conv.conv2_1_1.bias"),
        (DDcGANMethod.renaming, "Generator/decoder/b2/batch_normalization/beta", "decoder.bn.b2.bias"),
        (DDcGANDiscriminator.renaming_infrared, "Discriminator2/flatten1/dense/kernel", "linear.flatten1.weight"),
    ],
)
def test_names(rules, published, expected):
    assert new_names([published], rules) == {published: expected}


@pytest.mark.parametrize(
    ("rules", "name"),
    [
        (FusionGANMethod.renaming, "discriminator/layer_1/w_1"),
        (FusionGANMethod.renaming, "fusion_model/layer1/w1/Adam"),
        (DDcGANMethod.renaming, "Discriminator1/conv1/kernel"),
        (DDcGANMethod.renaming, "Generator/encoder/conv1_1/kernel/RMSProp_1"),
        (PMGIMethod.renaming, "beta1_power"),
    ],
)
def test_names_of_other_things_are_left_out(rules, name):
    assert new_names([name], rules) == {}


def test_two_names_cannot_become_one():
    with pytest.raises(FusionError, match=r"several variables become conv\.layer1\.weight"):
        new_names(["fusion_model/layer1/w1", "fusion_model/layer1/w11"], PMGIMethod.renaming)


# Conversion


def sdnet_variables(seed=0):
    """SDNet's variables in TensorFlow's layout, made from a random network with the names that the authors chose."""
    torch.manual_seed(seed)
    variables = {}
    for name, value in SDNet().state_dict().items():
        _, layer, kind = name.split(".")
        published = f"fusion_model/{layer}/{'w' if kind == 'weight' else 'b'}{layer.removeprefix('layer')}"
        variables[published] = (value.permute(2, 3, 1, 0) if kind == "weight" else value).numpy()
    return variables


def test_tensorflow_checkpoint_is_converted(tmp_path):
    variables = sdnet_variables() | {"beta1_power": np.array(0.9, np.float32)}
    index = write_bundle(tmp_path / "IRVIS.model-10", variables)
    manifest = convert(SDNetMethod, [index], tmp_path / "sdnet.safetensors", "terms")
    torch.manual_seed(0)
    expected, found = SDNet().state_dict(), load_file(tmp_path / "sdnet.safetensors")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert manifest == read_manifest(tmp_path / "sdnet.safetensors")
    assert manifest.network == "sdnet" and manifest.licence == "terms" and manifest.left_out == ("beta1_power",)
    assert [(source.path, source.sha256) for source in manifest.source] == [
        (path.name, sha256_file(path)) for path in (index, index.with_suffix(".data-00000-of-00001"))
    ]
    assert manifest.sha256 == sha256_file(tmp_path / "sdnet.safetensors")
    assert manifest.tensors["conv.layer7_vi.weight"].source_name == "fusion_model/layer7_vi/w7_vi"
    assert manifest.tensors["conv.layer7_vi.weight"].shape == (16, 128, 3, 3)
    assert weights_problems(tmp_path / "sdnet.safetensors") == []


def didfuse_checkpoints(folder):
    """DIDFuse's two files, with the names and the wrapping that the authors chose."""
    torch.manual_seed(0)
    state = network_class("didfuse").module().state_dict()
    numbers = {"enc1": 1, "enc2": 2, "encB": 3, "encD": 4, "dec5": 5, "dec6": 6, "dec7": 7}
    parts = {"enc": {}, "dec": {}}
    for name, value in state.items():
        layer, part, term = name.split(".")
        index = ("conv", "bn", "act").index(part) + (layer in ("enc1", "dec7"))
        parts[layer[:3]][f"cov{numbers[layer]}.cov{numbers[layer]}.{index}.{term}"] = value
    paths = [folder / "Encoder_weight.pkl", folder / "Decoder_weight.pkl"]
    for path, part in zip(paths, parts.values(), strict=True):
        torch.save({"weight": part, "epoch": 120}, path, _use_new_zipfile_serialization=False)
    return paths, state


def test_pytorch_checkpoint_in_two_files_is_converted(tmp_path):
    paths, state = didfuse_checkpoints(tmp_path)
    for number, sources in enumerate((paths, [tmp_path])):
        target = tmp_path / "out" / f"{number}.safetensors"
        manifest = convert(DIDFuseMethod, sources, target, addresses={"Encoder_weight.pkl": "https://host/Encoder"})
        found = load_file(target)
        assert found.keys() == state.keys() and all(torch.equal(found[name], state[name]) for name in state)
        assert {source.path for source in manifest.source} == {"https://host/Encoder", "Decoder_weight.pkl"}


@pytest.mark.parametrize("name", [name for name in network_names() if not network_class(name).renaming])
def test_networks_in_the_authors_names_are_taken_as_they_are(tmp_path, name):
    torch.manual_seed(0)
    state = network_class(name).module().state_dict()
    published = {f"module.{key}": value for key, value in state.items()} | {"module.attn_mask": torch.zeros(2)}
    torch.save({"params": published}, tmp_path / "10000_E.pth")
    manifest = convert(network_class(name), [tmp_path / "10000_E.pth"], tmp_path / "out.safetensors")
    found = load_file(tmp_path / "out.safetensors")
    assert all(torch.equal(found[key], state[key]) for key in state)
    assert manifest.left_out == ("attn_mask",)


def test_an_array_in_a_file_of_its_own_is_a_tensor(tmp_path):
    torch.manual_seed(0)
    state = network_class("lutfuse").module().state_dict()
    table = state.pop("lut") + torch.rand(16, 16, 16, 16, 1)
    torch.save(state, tmp_path / "generator_context.pth")
    np.save(tmp_path / "fine_tuned_lut.npy", table.numpy())
    manifest = convert(network_class("lutfuse"), [tmp_path], tmp_path / "lutfuse.safetensors")
    assert manifest.tensors["lut"].source_name == "fine_tuned_lut"
    found = load_file(tmp_path / "lutfuse.safetensors")
    assert torch.equal(found["lut"], table) and all(torch.equal(found[name], state[name]) for name in state)


def test_arrays_of_objects_are_refused(tmp_path):
    np.save(tmp_path / "table.npy", np.array([Trap(tmp_path / "trace")], dtype=object))
    with pytest.raises(FusionError, match=r"table\.npy: not an array of numbers"):
        read_checkpoint([tmp_path / "table.npy"])
    assert not (tmp_path / "trace").exists()


def test_counters_that_old_checkpoints_lack_start_at_zero(tmp_path):
    state = network_class("ifcnn_max").module().state_dict()
    kept = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    torch.save(kept, tmp_path / "IFCNN-MAX.pth")
    convert(network_class("ifcnn_max"), [tmp_path / "IFCNN-MAX.pth"], tmp_path / "out.safetensors")
    found = load_file(tmp_path / "out.safetensors")
    assert found.keys() == state.keys() and found["conv2.bn.num_batches_tracked"] == 0
    assert weights_problems(tmp_path / "out.safetensors") == []


def test_half_a_checkpoint_is_refused(tmp_path):
    paths, _ = didfuse_checkpoints(tmp_path)
    with pytest.raises(FusionError, match=r"not of didfuse: 23 of 53 tensors missing \['dec5.act.weight'"):
        convert(DIDFuseMethod, paths[:1], tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_another_networks_checkpoint_is_refused(tmp_path):
    variables = sdnet_variables() | {"fusion_model/layer1_ir/w1_ir": np.zeros((3, 3, 1, 16), np.float32)}
    with pytest.raises(FusionError, match=r"not of sdnet: 0 of 32 tensors missing \[\], other shape \['conv.layer1_ir"):
        convert(SDNetMethod, [write_bundle(tmp_path / "a", variables)], tmp_path / "out.safetensors")
    with pytest.raises(FusionError, match="not of pmgi: 74 of 74 tensors missing"):
        convert(PMGIMethod, [write_bundle(tmp_path / "b", VARIABLES)], tmp_path / "out.safetensors")


def test_two_files_with_the_same_tensors_are_refused(tmp_path):
    paths, _ = didfuse_checkpoints(tmp_path)
    again = tmp_path / "Encoder_old.pkl"
    again.write_bytes(paths[0].read_bytes())
    with pytest.raises(FusionError, match=r"both hold cov1.cov1.1.bias"):
        read_checkpoint([*paths, again])


class Trap:
    """A pickle of it writes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("writer", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, 2))])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, writer):
    path, trace = tmp_path / "weights.pkl", tmp_path / "trace"
    writer({"weight": Trap(trace)}, path)
    with pytest.raises(FusionError, match=r"refused.* could run any code; only state dictionaries are read"):
        read_checkpoint([path])
    assert not trace.exists()


@pytest.mark.parametrize("content", [[torch.zeros(2)], {}, {"epoch": 3}, {"weight": {"a": 1}}, torch.zeros(3)])
def test_what_is_no_state_dictionary_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(FusionError, match="expected a state dictionary, alone or under one of weight, state_dict"):
        read_checkpoint([tmp_path / "a.pth"])


@pytest.mark.parametrize("content", [b"", b"no pickle at all", b"PK\x03\x04 half a zip"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_files_are_refused(tmp_path, content, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(FusionError, match=f"a{suffix}: (refused|not a checkpoint that can be read)"):
        read_checkpoint([path])


def test_files_of_a_checkpoint(tmp_path):
    with pytest.raises(FusionError, match="holds no checkpoint"):
        checkpoint_files([tmp_path])
    with pytest.raises(FusionError, match="there is no such file, folder or TensorFlow checkpoint"):
        checkpoint_files([tmp_path / "a"])
    first = write_bundle(tmp_path / "a", VARIABLES)
    data = tmp_path / "a.data-00000-of-00001"
    for source in (tmp_path, tmp_path / "a", first, data):
        assert checkpoint_files([source]) == [first, data]
    write_bundle(tmp_path / "b", VARIABLES)
    with pytest.raises(FusionError, match=r"holds several checkpoints \(a.index, b.index\): name one"):
        checkpoint_files([tmp_path])


def test_a_method_takes_an_authors_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path / "cache"))
    index = write_bundle(tmp_path / "IRVIS.model-10", sdnet_variables())
    method = load("sdnet", weights=index)
    torch.manual_seed(0)
    torch.testing.assert_close(method.network.state_dict(), SDNet().state_dict(), rtol=0, atol=0)
    assert as_safetensors(SDNetMethod, index) == method.weights_file
    assert as_safetensors(SDNetMethod, tmp_path / "a.safetensors") == tmp_path / "a.safetensors"


# Files and manifests


def test_weights_and_manifest_round_trip(tmp_path):
    state, path = SDNet().state_dict(), tmp_path / "sdnet.safetensors"
    manifest = write_weights(path, state, "sdnet", "Apache-2.0", recipe={"epochs": 15})
    network = SDNet()
    read_weights(network, path)
    torch.testing.assert_close(network.state_dict(), state, rtol=0, atol=0)
    assert read_manifest(path) == manifest and manifest.recipe == {"epochs": 15}
    first = path.read_bytes()
    write_weights(path, state, "sdnet", "Apache-2.0")
    assert path.read_bytes() == first
    assert problems(path) == []


def test_half_precision_is_widened(tmp_path):
    state = {name: value.half() for name, value in SDNet().state_dict().items()}
    write_weights(tmp_path / "sdnet.safetensors", state, "sdnet", "Apache-2.0")
    network = SDNet()
    read_weights(network, tmp_path / "sdnet.safetensors")
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())
    assert weights_problems(tmp_path / "sdnet.safetensors") == []


def test_weights_are_written_as_safetensors_only(tmp_path):
    with pytest.raises(FusionError, match=r"end the name in \.safetensors"):
        write_weights(tmp_path / "a.pth", {}, "sdnet", "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("conv.layer1_ir.bias"), r"missing \['conv.layer1_ir.bias'\], unknown \[\]"),
        (lambda state: state.update(extra=torch.zeros(1)), r"missing \[\], unknown \['extra'\]"),
        (
            lambda state: state.update({"conv.layer1_ir.bias": torch.zeros(3)}),
            r"other shape \['conv.layer1_ir.bias'\]",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, change, message):
    state = SDNet().state_dict()
    change(state)
    save_file(state, tmp_path / "sdnet.safetensors")
    with pytest.raises(FusionError, match=f"does not fit SDNet: .*{message}"):
        read_weights(SDNet(), tmp_path / "sdnet.safetensors")


def changed_manifest(path, **changes):
    manifest = path.with_suffix(".json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | changes))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.with_suffix(".json").unlink(), "has no manifest sdnet.json"),
        (lambda path: path.with_suffix(".json").write_text("{"), "damaged manifest"),
        (lambda path: changed_manifest(path, source=3), "damaged manifest"),
        (lambda path: changed_manifest(path, sha256="0" * 64), "SHA-256 is .* but 0000"),
        (lambda path: changed_manifest(path, network="pmgi"), "does not fit PMGI"),
        (lambda path: changed_manifest(path, network="other"), "no network 'other'"),
        (lambda path: changed_manifest(path, tensors={}), "differs from its manifest in conv.layer1_ir.bias"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "cannot be read"),
        (lambda path: path.unlink(), "cannot be read"),
    ],
)
def test_verify_finds_what_is_wrong(tmp_path, change, message):
    path = tmp_path / "sdnet.safetensors"
    write_weights(path, SDNet().state_dict(), "sdnet", "Apache-2.0")
    change(path)
    assert any(re.search(message, text) for text in weights_problems(path))


def test_verify_finds_values_that_are_no_numbers(tmp_path):
    state = SDNet().state_dict()
    state["conv.layer5_fuse.bias"][0] = float("nan")
    write_weights(tmp_path / "sdnet.safetensors", state, "sdnet", "Apache-2.0")
    assert weights_problems(tmp_path / "sdnet.safetensors") == [
        f"{tmp_path / 'sdnet.safetensors'}: NaN or infinite values in conv.layer5_fuse.bias"
    ]


# Published weights


def test_published_weights_are_declared_by_every_network():
    known = published_weights()
    assert {key.removesuffix("+rts") for key in known} == set(network_names()) <= set(known)
    for weights in known.values():
        assert bool(weights.files) != bool(weights.manual)
        assert weights.homepage.startswith("https://")
        assert all(file.url.startswith("https://") for file in weights.files)
        assert all(file.sha256 is None or len(file.sha256) == 64 for file in weights.files)


@pytest.fixture
def server(tmp_path):
    """A folder that a local web server shows, and its address."""
    folder = tmp_path / "server"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def offered(server, monkeypatch):
    """SDNet's weights, published on the local server without checksums."""
    folder, address = server
    index = write_bundle(folder / "IRVIS.model-10", sdnet_variables())
    names = (index.name, index.with_suffix(".data-00000-of-00001").name)
    files = tuple(RemoteCheckpoint(f"{address}/{name}") for name in names)
    monkeypatch.setattr(SDNetMethod, "published", PublishedWeights(address, files, licence="terms"))
    return folder


def test_published_weights_are_fetched_and_used(offered, tmp_path, monkeypatch):
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path / "cache"))
    target = fetch_published("sdnet")
    assert target == tmp_path / "cache" / "weights" / "sdnet.safetensors"
    assert load("sdnet+published").weights_file == target
    manifest = read_manifest(target)
    assert manifest.licence == "terms" and all(source.path.startswith("http://") for source in manifest.source)
    assert [source.sha256 for source in manifest.source] == [
        sha256_file(offered / source.path.rsplit("/", 1)[-1]) for source in manifest.source
    ]


def test_the_first_download_is_the_one_to_equal(offered, tmp_path):
    fetch_published("sdnet", tmp_path / "here")
    before = (tmp_path / "here" / "sdnet.safetensors").read_bytes()
    write_bundle(offered / "IRVIS.model-10", sdnet_variables(seed=1))
    with pytest.raises(FusionError, match=r"wrong checksum(.|\n)*By hand"):
        fetch_published("sdnet", tmp_path / "here")
    assert (tmp_path / "here" / "sdnet.safetensors").read_bytes() == before


def test_what_is_not_there_is_said(offered, tmp_path):
    next(offered.glob("*.index")).unlink()
    with pytest.raises(FusionError, match=r"HTTP 404(.|\n)*By hand: http"):
        fetch_published("sdnet", tmp_path)


def test_what_cannot_be_fetched_is_told_by_hand():
    with pytest.raises(FusionError, match=r"(?s)rfn_nest cannot be fetched by a program.*weights convert rfn_nest"):
        fetch_published("rfn_nest")
    with pytest.raises(FusionError, match="no published weights of 'average' are known; there are didfuse,"):
        fetch_published("average")


# Command line


@pytest.fixture
def command(monkeypatch, tmp_path):
    """``command("list")`` runs the action with an empty cache; gives its exit code."""
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path / "cache"))
    parser = argparse.ArgumentParser()
    fill_weights(parser)

    def run(*words):
        options = parser.parse_args(list(map(str, words)))
        return options.command(options)

    return run


def test_command_line(command, tmp_path, offered, capsys):
    assert command("list") == 0
    printed = capsys.readouterr().out
    assert "can be fetched" in printed and "12.5 %" in printed
    index = write_bundle(tmp_path / "IRVIS.model-10", sdnet_variables())
    assert command("convert", "sdnet", index) == 0
    assert "sdnet.safetensors: 32 tensors" in capsys.readouterr().out
    assert command("verify") == 0
    assert "as its manifest says, fits its network" in capsys.readouterr().out
    assert command("list") == 0
    assert "published, here" in capsys.readouterr().out
    assert command("fetch", "sdnet") == 0
    (tmp_path / "cache" / "weights" / "sdnet.json").unlink()
    assert command("verify") == 1
    assert "has no manifest" in capsys.readouterr().out
    assert command("list") == 0
    assert "has no manifest" in capsys.readouterr().out


# The authors' own files


@pytest.mark.real
@pytest.mark.parametrize("name", [name for name in network_names() if not is_shipped(name)])
def test_known_checksums_are_those_recorded_with_the_values(weights_root, name):
    record = weights_root / "zoo" / f"{name}.json"
    if not record.is_file():
        pytest.skip(f"needs {record}")
    sources = {item["path"]: item for item in json.loads(record.read_text())["source"]}
    assert len(sources) == len(published_weights()[name].files)
    for file in published_weights()[name].files:
        repository, commit, path = re.fullmatch(
            r"https://raw\.githubusercontent\.com/([^/]+/[^/]+)/(\w+)/(.+)", unquote(file.url)
        ).groups()
        assert (repository, commit, file.sha256) == tuple(sources[path][key] for key in ("repo", "commit", "sha256"))


@pytest.mark.real
@pytest.mark.parametrize("name", ["didfuse", "pmgi", "sdnet"])
def test_authors_files_convert_to_the_known_tensors(weights_root, tmp_path, name):
    manifest = convert(network_class(name), [weights_root / "original" / name], tmp_path / "out.safetensors")
    ours, known = load_file(tmp_path / "out.safetensors"), load_file(weights_root / f"{name}.safetensors")
    assert ours.keys() == known.keys()
    assert all(torch.equal(ours[key], known[key]) and ours[key].dtype == known[key].dtype for key in known)
    record = json.loads((weights_root / f"{name}.json").read_text())
    assert {source.sha256 for source in manifest.source} == {item["sha256"] for item in record["source"]}
    assert {key: facts.source_name for key, facts in manifest.tensors.items()} == {
        key: facts["source_name"] for key, facts in record["tensors"].items()
    }


@pytest.mark.real
def test_known_checksums_are_those_of_the_authors_files(weights_root):
    for key in ("didfuse", "pmgi", "sdnet"):
        for file in published_weights()[key].files:
            assert file.sha256 == sha256_file(weights_root / "original" / key / file.name)


@pytest.mark.real
def test_names_of_the_retrained_didfuse(weights_root):
    record = json.loads((weights_root / "didfuse_rts.json").read_text())
    names = {facts["source_name"]: key for key, facts in record["tensors"].items()}
    assert new_names(names, DIDFuseMethod.renaming) == names
    assert {file.sha256 for file in published_weights()["didfuse+rts"].files} == {
        item["sha256"] for item in record["source"]
    }


def test_rules_cover_the_discriminators():
    names = {
        f"discriminator/layer_{index}/{term}": None for index in range(1, 5) for term in (f"w_{index}", f"b_{index}")
    }
    wanted = {name for name in FusionGANDiscriminator().state_dict() if name.startswith("conv") and name[-2:] != ".u"}
    assert set(new_names(names, FusionGANDiscriminator.renaming).values()) == wanted
