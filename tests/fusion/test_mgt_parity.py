"""MGT against the authors' output, by way of a plain reference.

The seeded case multiplies rounding errors: attention without scaling on maps that grow to thousands is a choice of one
key, and float32 and float64 choose differently. Only the authors' own order of operations gives their float32 output.
So a plain transcription of the architecture proves itself on that output, and the network, which orders operations
for speed and memory, must equal the transcription in float64.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import batch_norm, conv2d, layer_norm, leaky_relu, pad, relu

from ivif.fusion.networks.mgt import MGT

WINDOWS = (4, 8, 16)
State = dict[str, Tensor]
Maps = list[Tensor]


def convolve(state: State, name: str, maps: Tensor, padding: int = 0) -> Tensor:
    return conv2d(maps, state[f"{name}.weight"], state[f"{name}.bias"], padding=padding)


def shift_convolve(state: State, name: str, maps: Tensor) -> Tensor:
    shifted = conv2d(maps, state[f"{name}.shift_conv.weight"], padding=1, groups=maps.shape[1])
    return convolve(state, f"{name}.shift_conv.conv1x1", shifted)


def local(state: State, name: str, maps: Tensor) -> Tensor:
    return shift_convolve(state, f"{name}.conv1", relu(shift_convolve(state, f"{name}.conv0", maps)))


def project(state: State, name: str, maps: Tensor) -> Tensor:
    norm = f"{name}.project_inp.1"
    moments = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
    affine = state[f"{norm}.weight"], state[f"{norm}.bias"]
    return batch_norm(convolve(state, f"{name}.project_inp.0", maps), *moments, *affine, False, 0.1, 1e-5)


def to_windows(maps: Tensor, side: int) -> Tensor:
    batch, channels, height, width = maps.shape
    grid = maps.view(batch, channels, height // side, side, width // side, side)
    return grid.permute(0, 2, 4, 3, 5, 1).reshape(-1, side * side, channels)


def from_windows(windows: Tensor, side: int, height: int, width: int) -> Tensor:
    grid = windows.view(-1, height // side, width // side, side, side, windows.shape[-1])
    return grid.permute(0, 5, 1, 3, 2, 4).reshape(-1, windows.shape[-1], height, width)


def attend(
    state: State, name: str, maps: Tensor, shift: bool, other: Tensor | None = None, given: Maps | None = None
) -> tuple[Tensor, Maps]:
    height, width = maps.shape[2:]
    mine = project(state, name, maps).chunk(3, 1)
    theirs = mine if other is None else project(state, name, other).chunk(3, 1)
    results, attentions = [], []
    for index, side in enumerate(WINDOWS):
        own, guide = mine[index], theirs[index]
        half = side // 2 if shift else 0
        own, guide = (image.roll((-half, -half), (2, 3)) for image in (own, guide))
        if given is None:
            query, value = to_windows(own[:, :20], side), to_windows(own[:, 20:], side)
            attention = (query @ to_windows(guide[:, :20], side).transpose(1, 2)).softmax(-1)
        else:
            attention, value = given[index], to_windows(own, side)
        attentions.append(attention)
        results.append(from_windows(attention @ value, side, height, width).roll((half, half), (2, 3)))
    return convolve(state, f"{name}.project_out", torch.cat(results, 1)), attentions


def elab(state: State, name: str, maps: Tensor, shift: bool, suffix: str = "") -> Tensor:
    features, attention = f"{name}.modules_lfe{suffix}", f"{name}.modules_gmsa{suffix}"
    maps = local(state, f"{features}.lfe_0", maps) + maps
    attended, kept = attend(state, f"{attention}.gmsa_0", maps, shift)
    maps = attended + maps
    maps = local(state, f"{features}.lfe_1", maps) + maps
    return attend(state, f"{attention}.gmsa_1", maps, shift, given=kept)[0] + maps


def celab(state: State, name: str, infrared: Tensor, fused: Tensor, visible: Tensor, shift: bool) -> Tensor:
    x, y, z = (
        elab(state, name, maps, shift, f"_{letter}") for maps, letter in ((infrared, "X"), (fused, "Y"), (visible, "Z"))
    )
    from_x = from_z = None
    for index in (0, 1):
        x = local(state, f"{name}.modules_lfe_XYZ_X.lfe_{index}", x) + x
        y = local(state, f"{name}.modules_lfe_XYZ_Y.lfe_{index}", y) + y
        z = local(state, f"{name}.modules_lfe_XYZ_Z.lfe_{index}", y) + z  # the authors' slip: y where z is meant
        guide = y if index == 0 else None
        left, from_x = attend(state, f"{name}.modules_gmsa_XY.gmsa_{index}", x, shift, guide, from_x)
        right, from_z = attend(state, f"{name}.modules_gmsa_YZ.gmsa_{index}", z, shift, guide, from_z)
        y = left + right + y
    return y


def normalise(state: State, name: str, maps: Tensor) -> Tensor:
    tokens = maps.flatten(2).transpose(1, 2)
    return layer_norm(tokens, (60,), state[f"{name}.weight"], state[f"{name}.bias"]).transpose(1, 2).view_as(maps)


def plain_mgt(state: State, infrared: Tensor, visible: Tensor) -> Tensor:
    def shallow(image: Tensor) -> Tensor:
        first = leaky_relu(convolve(state, "conv_first1_A", image, 1), 0.2)
        return leaky_relu(convolve(state, "conv_first2_A", first, 1), 0.2)

    extracted: dict[str, Maps] = {}
    for path, image in (("A", infrared), ("B", visible)):
        maps, extracted[path] = shallow(image), []
        for index in range(3):
            maps = elab(state, f"layers_Ex_{path}.{index}", maps, bool(index % 2))
            extracted[path].append(maps)
    fused = torch.cat([normalise(state, f"norm_Ex_{path}", extracted[path][-1]) for path in "AB"], 1)
    for index in (1, 2):
        fused = leaky_relu(convolve(state, f"conv_before_cross_attention{index}", fused, 1), 0.2)
    for index, (x, z) in enumerate(zip(extracted["A"], extracted["B"], strict=True)):
        fused = fused + celab(state, f"layers_Fusion.{index}", x, fused, z, bool(index % 2))
    fused = normalise(state, "norm_Fusion", fused)
    for index in range(3):
        fused = elab(state, f"layers_Re.{index}", fused, bool(index % 2))
    fused = normalise(state, "norm_Re", fused)
    for index in (1, 2):
        fused = leaky_relu(convolve(state, f"conv_last{index}", fused, 1), 0.2)
    return convolve(state, "conv_last3", fused, 1)


@pytest.fixture(scope="module")
def case(golden_root: Path) -> tuple[State, Tensor, Tensor, Tensor]:
    with np.load(golden_root / "networks" / "seeded" / "mgt.npz") as file:
        arrays = {key: torch.from_numpy(file[key]) for key in file.files}
    state = {key[4:]: value for key, value in arrays.items() if key.startswith("var/")}
    state = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    images = (arrays[f"in/{role}"].float() / 255 for role in ("infrared", "visible"))
    padded = [pad(image, (0, -image.shape[3] % 16, 0, -image.shape[2] % 16), "reflect") for image in images]
    return state, padded[0], padded[1], arrays["out/raw"].float()


@pytest.mark.usefixtures("two_threads")
@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX512", reason="needs the authors' order of sums, that of AVX-512"
)
def test_the_reference_gives_the_authors_output(case: tuple[State, Tensor, Tensor, Tensor]) -> None:
    state, infrared, visible, expected = case
    found = plain_mgt(state, infrared, visible)[..., : expected.shape[2], : expected.shape[3]]
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_the_network_equals_the_reference(case: tuple[State, Tensor, Tensor, Tensor]) -> None:
    state, infrared, visible, _ = case
    exact = {key: value.double() if value.is_floating_point() else value for key, value in state.items()}
    network = MGT().double().eval()
    network.load_state_dict(exact)
    expected = plain_mgt(exact, infrared.double(), visible.double())
    for context in (torch.enable_grad, torch.inference_mode):
        with context():
            found = network(infrared.double(), visible.double()).detach()
        assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()
