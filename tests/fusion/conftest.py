"""What tests of networks share: published cases and weights that this repository does not hold, and random weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ivif.fusion.loading import network_class
from ivif.fusion.networks.base import NetworkMethod


def randomise(module: nn.Module, seed: int = 0) -> nn.Module:
    """Give every parameter random values that keep the scale of maps, so that all layers matter to the output."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad and parameter.ndim > 1:
                fan_in = parameter[0].numel()
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * fan_in**-0.5)
            elif parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return module


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``random_weights("sdnet", seed=0)``: a safetensors file of random weights that fit the network."""
    folder = tmp_path_factory.mktemp("weights")

    def make(name: str, seed: int = 0) -> Path:
        path = folder / f"{name}-{seed}.safetensors"
        if not path.is_file():
            torch.manual_seed(seed)
            save_file(randomise(network_class(name).module(), seed).state_dict(), path)
        return path

    return make


@pytest.fixture(scope="session")
def random_method(random_weights) -> Callable[[str], NetworkMethod]:
    """``random_method("sdnet")``: the network with random weights, made once."""
    made: dict[str, NetworkMethod] = {}

    def make(name: str) -> NetworkMethod:
        if name not in made:
            made[name] = network_class(name)(random_weights(name))
        return made[name]

    return make


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Two threads, as some cases were made with: where a soft-max picks one of many, the order of sums decides."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
