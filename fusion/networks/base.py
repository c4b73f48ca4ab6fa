"""What networks share as methods: a module, the weights it is given, and inference without gradients."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import nn

from ivif.datasets.files import sha256_file
from ivif.fusion.method import FusionMethod
from ivif.fusion.networks.blocks import fold_batch_norm, handle_whole_images
from ivif.fusion.weights import find_network_weights, read_weights
from ivif.fusion.weights.published import PublishedWeights
from ivif.fusion.weights.renaming import Rules


class NetworkMethod(FusionMethod):
    """A published network with weights.

    A subclass names the `module` class and implements `fuse_planes`, which scales 0..1 planes to what the network was
    trained on, calls ``self.network(infrared, visible)`` and applies the authors' post-processing. The module itself
    takes and gives what the authors' does, so that published weights and losses fit.

    Attributes:
        module: the network.
        channels_last: whether the network is faster in that memory layout; normalisation by the statistics of an
            image is slower.
        published_alone: whether its authors' weights are all there are: this project has no recipe that trains it.
        published: where its authors' weights are.
        published_rts: where weights are that others retrained on references.
        renaming: what published tensors become; none if they are called as the module's.
        network: the module with its weights.
        weights_file: where they are from.

    Args:
        weights: "original" (the method's own published recipe, trained by this project), "rts" (retrained on
            references), "published" (the authors' weights, converted), or the path of a safetensors file.

    Raises:
        FusionError: no such weights, or weights that don't fit; the message says how to get them.
    """

    family = "network"
    module: ClassVar[type[nn.Module]]
    channels_last: ClassVar[bool] = False
    published_alone: ClassVar[bool] = False
    published: ClassVar[PublishedWeights | None] = None
    published_rts: ClassVar[PublishedWeights | None] = None
    renaming: ClassVar[Rules] = ()
    network: nn.Module
    weights_file: Path | None = None

    def __init__(self, weights: str | Path = "original") -> None:
        self.weights_file = find_network_weights(self.name, weights, self.published_alone)
        self.network = self.module()
        read_weights(self.network, self.weights_file)
        self._settle()

    @classmethod
    def untrained(cls, plain: bool = False) -> Self:
        """The network as it is before training, with random weights: to measure its cost or test its shapes.

        Args:
            plain: as written down: layers and memory layout as in training, all of an image handled at once.
        """
        method = cls.__new__(cls)
        method.network = cls.module().eval()
        if plain:
            handle_whole_images(method.network)
        else:
            method._settle()
        return method

    def _settle(self) -> None:
        """Make the network ready for inference and nothing else."""
        self.network.eval()
        fold_batch_norm(self.network)
        if self.channels_last:
            self.network.to(memory_format=torch.channels_last)

    def to(self, device: torch.device | str) -> Self:
        """Move the network to `device`."""
        self.network.to(device)
        return self

    def state(self) -> str:
        """SHA-256 of the weights file."""
        return sha256_file(self.weights_file) if self.weights_file else ""
