"""Networks whose published weights are not at hand, against raw outputs of the authors' code with seeded weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ivif.fusion.networks.ift import IFT
from ivif.fusion.networks.rfn_nest import RFNNest
from ivif.fusion.networks.swinfusion import SwinFusion

RELATIVE = 1e-4

UNSTABLE = (
    "the case multiplies rounding errors (float64 is further from the authors' output than allowed): it takes a "
    "processor that sums in their order, one with AVX-512"
)


def case(root: Path, name: str) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
    """State dict, infrared and visible image in 0..255, and the authors' raw output."""
    with np.load(root / "networks" / "seeded" / f"{name}.npz") as file:
        arrays = {key: torch.from_numpy(file[key]) for key in file.files}
    state = {
        key.removeprefix("var/"): value.float() if value.is_floating_point() else value
        for key, value in arrays.items()
        if key.startswith("var/")
    }
    return state, arrays["in/infrared"].float(), arrays["in/visible"].float(), arrays["out/raw"].float()


def assert_same_output(network: nn.Module, infrared: Tensor, visible: Tensor, expected: Tensor) -> None:
    with torch.inference_mode():
        found = network.eval()(infrared, visible)[..., : expected.shape[2], : expected.shape[3]]
    assert (found - expected).abs().max() <= RELATIVE * expected.abs().max()


def test_rfn_nest(golden_root: Path) -> None:
    state, infrared, visible, expected = case(golden_root, "rfn_nest")
    network = RFNNest()
    network.load_state_dict(state)
    assert_same_output(network, infrared, visible, expected)


@pytest.mark.skipif(torch.backends.cpu.get_cpu_capability() != "AVX512", reason=UNSTABLE)
@pytest.mark.usefixtures("two_threads")
def test_ift(golden_root: Path) -> None:
    auto_encoder = {
        key: value for key, value in case(golden_root, "rfn_nest")[0].items() if not key.startswith("fusion")
    }
    state, infrared, visible, expected = case(golden_root, "ift")
    network = IFT()
    network.load_state_dict(auto_encoder | state)
    assert_same_output(network, infrared, visible, expected)


def test_swinfusion(golden_root: Path) -> None:
    state, infrared, visible, expected = case(golden_root, "swinfusion")
    network = SwinFusion()
    network.load_state_dict(state)
    assert_same_output(network, infrared / 255, visible / 255, expected)


def test_swinfusion_at_its_training_size(golden_root: Path) -> None:
    state = case(golden_root, "swinfusion")[0]
    _, infrared, visible, expected = case(golden_root, "swinfusion_128")
    network = SwinFusion()
    network.load_state_dict(state)
    assert_same_output(network, infrared / 255, visible / 255, expected)


@pytest.mark.parametrize(("network", "parameters"), [(IFT, 5_068_489), (RFNNest, 7_524_249)])
def test_parameters(network: type[nn.Module], parameters: int) -> None:
    assert sum(parameter.numel() for parameter in network().parameters() if parameter.requires_grad) == parameters
