"""ONNX: a network as a file that runs without PyTorch, what its authors do before and after it included."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ivif.fusion.loading import network_of
from ivif.fusion.method import FusionError
from ivif.fusion.networks.base import NetworkMethod

_INSTALL = "pip install 'ivif-bench[onnx]' brings what is needed"
_INPUTS = ("infrared", "visible")
_SIDES = ((128, 160), (192, 96))
"""Heights and widths that exported networks are compared at; multiples of what any network asks for."""

CLOSE = 1e-4
"""How far apart grey values in 0..1 of the same network may be by rounding errors alone."""


_LISTS_OF_PLACES = "its windows are lists of places that are made for one size, and a file's sizes are free"

NOT_EXPORTED = {"swinfusion": _LISTS_OF_PLACES, "mgt": _LISTS_OF_PLACES}
"""Networks that a file cannot hold, with the reason: to find it out by trying takes minutes."""


class _Planes(nn.Module):
    """A method's planes in, its planes out: what is exported."""

    def __init__(self, method: NetworkMethod) -> None:
        super().__init__()
        self.network, self.method = method.network, method

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        return self.method.fuse_planes(infrared, visible).clamp(0, 1)


def export_onnx(method: NetworkMethod, path: Path) -> None:
    """Write a network as an ONNX file.

    Its inputs are called ``infrared``, ``float32 [1, 1, H, W]`` in 0..1, and ``visible``, ``[1, C, H, W]``, where C is
    3 for networks that read colour and else 1, the luminance; its output ``fused`` is like ``visible``. H and W are
    free; where the network asks for multiples of a number, the file's metadata ``multiple`` says which.

    Args:
        method: with weights, on the CPU.
        path: ``*.onnx``.

    Raises:
        FusionError: packages are missing, or the network has operators that ONNX does not.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise FusionError(f"{error}: {_INSTALL}") from error
    if reason := NOT_EXPORTED.get(network_of(method.name)):
        raise FusionError(f"{method.name} cannot be exported: {reason}")
    free = dict.fromkeys((2, 3), torch.export.Dim.DYNAMIC)
    examples = _examples(method, *_SIDES[0])
    method.network.requires_grad_(False)
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        # With gradients enabled layers handle a whole image at once, and write over nothing.
        with torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                _Planes(method).eval(),
                examples,
                dynamo=True,
                dynamic_shapes=(free, free),
                input_names=list(_INPUTS),
                output_names=["fused"],
                verbose=False,
            )
    except Exception as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise FusionError(f"{method.name} cannot be exported: {reason}") from error
    finally:
        logging.disable(before)
    if program is None:
        raise FusionError(f"{method.name} cannot be exported: nothing came of it")
    program.model.metadata_props.update(
        {"method": method.name, "multiple": str(method.multiple), "paper": method.paper}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    program.save(path, external_data=False)


class Difference(NamedTuple):
    """How far an exported network is from PyTorch's, grey values in 0..1.

    Attributes:
        largest, mean: of all pixels.
        beyond: share of pixels that are further apart than `CLOSE`. Where a method cuts its result down to grey levels,
            rounding errors put a pixel here and there on the other side of a cut, which is a whole level away.
    """

    largest: float
    mean: float
    beyond: float


def difference_from(method: NetworkMethod, path: Path) -> Difference:
    """Compare an exported network with PyTorch's, at two sizes.

    Raises:
        FusionError: onnxruntime is missing, or cannot run the file.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise FusionError(f"{error}: {_INSTALL}") from error
    found = []
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for sides in _SIDES:
            images = _examples(method, *sides)
            (ours,) = session.run(None, dict(zip(_INPUTS, (image.numpy() for image in images), strict=True)))
            with torch.no_grad():
                theirs = method.fuse_planes(*images).clamp(0, 1)
            found.append(np.abs(ours - theirs.numpy()).ravel())
    except Exception as error:  # of onnxruntime's own kinds, which have no root in common
        raise FusionError(f"{path}: {str(error).splitlines()[0]}") from error
    difference = np.concatenate(found)
    return Difference(float(difference.max()), float(difference.mean()), float((difference > CLOSE).mean()))


def _examples(method: NetworkMethod, height: int, width: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(height)
    channels = 3 if method.input == "rgb" else 1
    return tuple(torch.rand(1, count, height, width, generator=generator) for count in (1, channels))  # type: ignore[return-value]
