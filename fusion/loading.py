"""Loading: which methods there are, and how a name on the command line becomes one.

A network's name may be followed by the weights it is to have: ``sdnet`` (its own published recipe), ``sdnet+rts``
(retrained on references), ``sdnet+published`` (its authors' weights); or by a file, after what tables are to call it:
``sdnet+mine=FILE``. Trainings with other seeds are set apart by ``.sN``: ``sdnet.s1=FILE``, ``sdnet.s1+rts=FILE``. A
user's own network gets its weights from a file alone: ``package.module:Class=FILE``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeGuard

from torch import nn

from ivif.fusion import classical, networks
from ivif.fusion.method import FusionError, FusionMethod
from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.own import ModuleMethod
from ivif.fusion.registry import registered
from ivif.fusion.weights import is_shipped, shipped_size
from ivif.fusion.weights.convert import as_safetensors
from ivif.fusion.weights.manifest import read_manifest
from ivif.fusion.weights.published import PublishedWeights
from ivif.plugins import is_own, named_object, offered
from ivif.spelling import did_you_mean

METHOD_PACKAGES = classical, networks
"""Packages whose modules register their methods when they are imported."""


def names() -> list[str]:
    """Names of all bundled methods that can be used at once, in the order of their families.

    A network counts when the weights that go with its plain name are shipped.
    """
    without = {name for name in network_names() if not is_shipped(name)}
    return [name for name in bundled() if name not in without]


def default_names() -> list[str]:
    """What a pool of references takes that names no method: `names` without the slow ones."""
    return [name for name in names() if not bundled()[name].slow]


LIGHT = 250_000
"""Bytes of the largest weights, in half precision, with which a network fuses a small pair in half a second."""


def light_names() -> list[str]:
    """What a run takes that names no method: `default_names` without large networks, each network beside its twin.

    The twin has the same network with weights that were trained on references (``+rts``), where these are shipped.
    """
    found = []
    for name in default_names():
        if name not in network_names():
            found.append(name)
        elif shipped_size(name) <= LIGHT:
            found += [known for known in (name, f"{name}+rts") if is_shipped(known)]
    return found


def network_names() -> list[str]:
    """Names of all bundled networks, with or without weights."""
    return [name for name, cls in bundled().items() if _is_network(cls)]


def network_class(name: str) -> type[NetworkMethod]:
    """The method class of a network, bundled or a user's own; raises `FusionError` if there is none of that name."""
    found = _own_class(name) if ":" in name else bundled().get(name)
    if found is None or not _is_network(found):
        raise FusionError(f"no network {name!r}; there are {', '.join(network_names())}, or your own")
    return found


def network_of(name: str) -> str:
    """The network that a name begins with: ``sdnet`` of ``sdnet.s1+rts``.

    Examples:
        >>> network_of("sdnet.s1+rts"), network_of("rfn_nest")
        ('sdnet', 'rfn_nest')
    """
    return re.sub(r"\.s\d+$", "", name.partition("+")[0])


def load(name: str, weights: str | Path | None = None) -> FusionMethod:
    """A method by bundled name, or a user's own as ``package.module:Class``.

    The class must be callable without arguments and derive from `FusionMethod`, or from `torch.nn.Module` (see
    `fusion.networks.own`); the current folder is searched too.

    Args:
        name: a bundled method; a network with ``+rts`` or ``+published`` after its name gets those weights, with
            ``=FILE`` or ``+WORD=FILE`` those of the file; ``NAME=package.module:Class`` gives your own another name.
        weights: of a network: "original", "rts", "published", a safetensors file, or its authors' checkpoint
            (converted, see `fusion.weights.convert`). None is what the name says.

    Raises:
        FusionError: unknown name, module or class; a class that is no method; weights that don't exist, don't fit,
            are given to a method that has none, or are missing where a user's own module needs them.
    """
    own, equals, place = name.partition("=")
    if equals:
        if weights is not None or not place:
            raise FusionError(f"{name!r}: expected NAME=FILE, and weights named once")
        method = load(place) if is_own(place) else load(network_of(own), place)
        method.name = own
        return method
    key, plus, variant = name.partition("+")
    if ":" in name or (key not in bundled() and key in offered("methods")):
        if plus:
            raise FusionError(f"{name!r}: weights of your own network come from a file, as in {name}=FILE")
        return _own_method(name, weights)
    cls = bundled().get(key)
    if cls is None:
        near = did_you_mean(key, bundled()) or f"there are {', '.join(names())}"
        raise FusionError(f"no method {name!r}; {near}, or your own as package.module:Class")
    if plus and (weights is not None or variant not in VARIANTS):
        known = ", ".join(f"{key}+{known}" for known in VARIANTS)
        raise FusionError(f"{name!r}: the weights of a network are named once, by a file or as in {known}")
    return _with_weights(cls, weights or variant) if weights or variant else cls()


def published_of(name: str) -> PublishedWeights | None:
    """What is known of the weights that ``NETWORK+published`` and the like name; None for whatever else is named."""
    key, _, variant = name.partition("+")
    if variant not in ("published", "rts+published") or key not in network_names():
        return None
    cls = network_class(key)
    return cls.published if variant == "published" else cls.published_rts


def trained_share(method: FusionMethod) -> float | None:
    """Share of the published training, in pixels seen, that a method's weights had where this project trained them.

    No property of methods: it decides no result, and a class's code is part of its methods' fingerprints.

    Returns:
        As recorded beside the weights, 0..1 and above; None for authors' weights, files without such a record, and
        methods without weights.
    """
    if not isinstance(method, NetworkMethod) or method.weights_file is None:
        return None
    try:
        return read_manifest(method.weights_file).share
    except FusionError:
        return None


VARIANTS = {"rts": "RtS", "published": "published", "rts+published": "RtS, published"}
"""What may follow a network's name after a plus sign, and how titles show it."""


def bundled() -> dict[str, type[FusionMethod]]:
    """Classes by name, classical ones first, whichever package was imported first; see `METHOD_PACKAGES`."""
    return dict(sorted(registered().items(), key=lambda item: _is_network(item[1])))


def _is_network(cls: type[FusionMethod]) -> TypeGuard[type[NetworkMethod]]:
    return issubclass(cls, NetworkMethod)


def _with_weights(cls: type[FusionMethod], weights: str | Path) -> FusionMethod:
    """A network with weights; its name and title say which, unless they are those of its plain name."""
    if not _is_network(cls):
        raise FusionError(f"{cls.name} is no network and has no weights")
    if weights == "original":
        return cls()
    if weights in VARIANTS:
        method, suffix = cls(weights), str(weights)
    else:
        method = cls(as_safetensors(cls, Path(weights).expanduser()))
        suffix = Path(weights).stem.removeprefix(f"{cls.name}+")
    method.name = f"{cls.name}+{suffix}"
    method.title = f"{cls.title} ({VARIANTS.get(suffix, suffix)})"
    return method


def own_name(path: str) -> str:
    """What a user's own class calls itself; its path where that can't be told, as `load` will say."""
    try:
        return _own_class(path).name
    except FusionError:
        return path


def _own_method(path: str, weights: str | Path | None) -> FusionMethod:
    own = _own_class(path)
    try:
        return own() if weights is None else _with_weights(own, weights)
    except FusionError:
        raise
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise FusionError(f"{path} cannot be made without arguments ({found})") from error


def _own_class(path: str) -> type[FusionMethod]:
    found = named_object("methods", path, FusionError)
    if isinstance(found, type) and issubclass(found, nn.Module):
        return ModuleMethod.of(found)
    if not (isinstance(found, type) and issubclass(found, FusionMethod)):
        raise FusionError(f"{path} does not derive from fusion.method.FusionMethod or torch.nn.Module")
    if not hasattr(found, "name"):
        found.name = found.__name__.lower()
    above = found.__mro__[: found.__mro__.index(FusionMethod)]
    if not any("clips" in vars(cls) or cls in registered().values() for cls in above):
        found.clips = False
    for fact, default in (("title", found.__name__), ("family", "own"), ("paper", "")):
        if not hasattr(found, fact):
            setattr(found, fact, default)
    return found
