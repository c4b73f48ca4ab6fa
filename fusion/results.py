"""Results: what a method made of a pair, whether it fuses now or its files were made elsewhere.

Whatever takes part, in a run, a pool of candidates or a detection, is named in one grammar (see `parse`)::

    sdnet+rts                  a bundled method
    package.module:Class       a class of one's own, called as it says; NAME=package.module:Class: another name
    NAME=weights.safetensors   a network with weights of one's own; NAME begins with the network's
    NAME=DIR                   a folder of fused images; 'NAME=DIR/{pair}_x.png' for other file names
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from glob import escape
from pathlib import Path
from typing import Protocol

from torch import Tensor

from ivif.datasets.files import sha256_bytes, write_atomic
from ivif.datasets.images import ImageError, encode_png, luminance, read_image, to_float, to_uint8
from ivif.datasets.locations import PAIR, Location
from ivif.datasets.pairs import Pair, PairImages
from ivif.fusion.folders import FolderResults
from ivif.fusion.loading import load, network_names, network_of, own_name, trained_share
from ivif.fusion.method import FusionError, FusionMethod
from ivif.fusion.weights.convert import holds_checkpoint
from ivif.plugins import is_own

KEY = "{key}"
"""What stands in a pattern for the beginning of a result's fingerprint."""

KEY_LENGTH = 12


class Results(Protocol):
    """What one method makes, or made, of every pair."""

    @property
    def name(self) -> str:
        """What tables and folders call the method."""

    def image(self, pair: Pair) -> Tensor:
        """The fused image as a user has it on disk, ``uint8 [1 or 3, H, W]``.

        Raises:
            FusionError: there is none, or the pair cannot be fused.
            ImageError, PairError: a file cannot be read.
        """

    def fingerprint(self, pair: Pair, sources: str | None = None) -> str:
        """A hash that changes when the sources change or what else decides the image.

        Args:
            pair: the pair.
            sources: its fingerprint, where that is known already.

        Raises:
            FusionError: there is no result.
            ImageError: a source cannot be read.
        """


class ResultFiles(Results, Protocol):
    """Results that lie on disk, a file a pair."""

    def file(self, pair: Pair) -> Path:
        """Where the fused image is, or is to be; raises `FusionError` where it can't be told."""


def fuse_images(method: FusionMethod, images: PairImages, device: str = "cpu") -> Tensor:
    """Fuse a pair's images and round the result to 8 bits: ``uint8 [1 or 3, H, W]``, with the visible image's channels.

    Args:
        method: on `device`.
        images: ``uint8``, as `Pair.read` gives them.
        device: where to fuse.

    Raises:
        FusionError: see `FusionMethod.fuse`.
    """
    infrared, visible = (to_float(image)[None].to(device) for image in images)
    return to_uint8(method.fuse(infrared, visible))[0].cpu()


@dataclass(frozen=True)
class MethodResults:
    """A method that fuses now.

    Attributes:
        name: what tables call it.
        origin: what `fusion.load` makes the method from.
        device: where it fuses.
        colour: False for the luminance alone, in one channel.
        version: fingerprint of the method, see `pinned`.
        trained_share: of its weights, see `fusion.loading.trained_share`; known once it is pinned.
    """

    name: str
    origin: str
    device: str = "cpu"
    colour: bool = True
    version: str = ""
    trained_share: float | None = None

    @property
    def text(self) -> str:
        """What `parse` makes this from, in any folder."""
        return self.origin

    def pinned(self) -> MethodResults:
        """The same with the method's code and weights of now, which all processes that fuse later are to meet.

        Raises:
            FusionError: the method cannot be loaded.
        """
        method = load(self.origin)
        return replace(self, version=method.fingerprint(), trained_share=trained_share(method))

    @property
    def method(self) -> FusionMethod:
        """The method, loaded once a process; raises `FusionError` where it can't be."""
        return _loaded(self.origin, self.device, self.version)

    def image(self, pair: Pair) -> Tensor:
        """Read and fuse; see `Results.image`."""
        return self.fuse(pair.read())

    def fuse(self, images: PairImages) -> Tensor:
        """Fuse images that have been read; see `fuse_images`."""
        infrared, visible = images
        images = images if self.colour else PairImages(infrared, luminance(visible))
        return fuse_images(self.method, images, self.device)

    def fingerprint(self, pair: Pair, sources: str | None = None) -> str:
        """Of the sources, and the method's code and weights."""
        version, kind = self.version or self.method.fingerprint(), "" if self.colour else " luminance"
        return sha256_bytes(f"{sources or pair.fingerprint()} {version}{kind}".encode())


@lru_cache(maxsize=64)
def _loaded(origin: str, device: str, version: str) -> FusionMethod:
    """A method; `version` sets apart what was loaded from the same file before it changed."""
    return load(origin).to(device)


@dataclass(frozen=True)
class StoredResults:
    """A method's results on disk, where this project wrote them.

    Attributes:
        results: the method they are of.
        pattern: path of the files with ``{pair}`` in it; ``{key}`` stands for the first digits of a result's
            fingerprint, so that a changed method or picture never meets an old result.
    """

    results: MethodResults
    pattern: str

    @property
    def name(self) -> str:
        """The method's."""
        return self.results.name

    def file(self, pair: Pair) -> Path:
        """See `ResultFiles.file`."""
        key = self.fingerprint(pair)[:KEY_LENGTH] if KEY in self.pattern else ""
        return Path(self.pattern.replace(KEY, key).replace(PAIR, pair.name))

    def image(self, pair: Pair) -> Tensor:
        """The image in the file; see `Results.image`."""
        path = self.file(pair)
        if not path.is_file():
            raise FusionError(f"{self.name}: no fused image {path}")
        return read_image(path)

    def make(self, pair: Pair) -> Tensor:
        """The image in the file; fused and written now, where it is not there yet or damaged."""
        try:
            return self.image(pair)
        except (FusionError, ImageError):
            image = self.results.image(pair)
            self.write(pair, image)
            return image

    def write(self, pair: Pair, image: Tensor) -> str:
        """Keep ``uint8 [1 or 3, H, W]`` as the result of a pair, instead of those under other keys.

        Returns:
            SHA-256 of the file.
        """
        path, data = self.file(pair), encode_png(image)
        if KEY in self.pattern:
            for old in path.parent.glob(f"{escape(pair.name)}.{'?' * KEY_LENGTH}{path.suffix}"):
                old.unlink(missing_ok=True)
        write_atomic(path, data)
        return sha256_bytes(data)

    def fingerprint(self, pair: Pair, sources: str | None = None) -> str:
        """The method's."""
        return self.results.fingerprint(pair, sources)


def parse(text: str, device: str = "cpu", colour: bool = True) -> MethodResults | FolderResults:
    """What a text names, see the module's docstring.

    Methods are loaded when they are needed, so that their faults show then; a class of one's own is imported.

    Args:
        text: a bundled method, ``package.module:Class``, ``NAME=FILE`` or ``NAME=DIR``.
        device: where methods fuse.
        colour: False for the luminance alone of what methods fuse.

    Raises:
        FusionError: an empty name, or neither weights of a network nor a folder after the equals sign.
    """
    name, equals, place = text.partition("=")
    if not name or (equals and not place):
        raise FusionError(f"{text!r}: expected a method, NAME=FILE (weights) or NAME=DIR (fused images)")
    if not equals:
        called = own_name(name) if is_own(name) else name
        return MethodResults(called, name if called == name else f"{called}={name}", device, colour)
    if is_own(place):
        return MethodResults(name, text, device, colour)
    if PAIR in place or _is_folder_of_images(name, Location.parse(place).folder):
        return FolderResults.parse(text)
    return MethodResults(name, f"{name}={Path(place).expanduser().absolute()}", device, colour)


def _is_folder_of_images(name: str, place: Path) -> bool:
    """Whether ``NAME=PLACE`` means fused images: a folder, unless it holds a network's checkpoint."""
    network = network_of(name)
    if ":" not in network and network not in network_names():
        return True
    return place.is_dir() and not holds_checkpoint(place)
