"""Enhancement: turn a reference into supervision, by as much as the scene calls for and the evidence bears out.

Pictures are ``float32 [1, 1, H, W]`` in 0..1; filters and measures take batches too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import log

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from ivif.benchmark.metrics import Picture, get
from ivif.datasets.images import to_float, to_uint8
from ivif.fusion.method import FusionError
from ivif.fusion.reference.exposure import is_night
from ivif.fusion.reference.filter import judge, value_of
from ivif.fusion.reference.regret import Yardstick, no_regret, taught

KINDS = ("none", "published", "adaptive")
"""Enhancements by name."""

WELL_EXPOSED = {"day": (0.36, 0.56), "night": (0.26, 0.50)}
"""Medians of references that need no tone curve; outside, the curve leads to the nearer end."""

FULL_RANGE = 0.03, 0.97
"""What 1 % of the pixels should be below, and above, of a reference that uses its range."""

KEPT_CONTRAST = 1.15
"""Standard deviation that the mean of a network's references is to have, in those of its own result: what is learned
has a little less."""

LARGEST_CONTRAST = 2.5
"""By what factor broad contrast is stretched at most."""

LARGEST_EXPONENT = 1.6
"""Of the tone curve, either way."""

DETAIL = 4, 0.04**2
"""Radius and epsilon of the guided filter that splits base and detail: edges of more than ten grey levels stay in the
base."""

BROAD = 32, 0.3
"""Of the one that splits what contrast is raised of, without a trace of edges, from the rest."""

ILLUMINATION = 16, 0.3**2
"""Of the one that splits illumination and what is lit: hardly an edge is so strong that it counts as illumination."""

FLAT = 3 / 255
"""Local standard deviation of sensor noise; where the sources have no more, no detail is added."""

GUARDS = ("ssim", "nabf")
"""Metrics by which an enhanced reference is refused."""

ARTIFACTS_ALLOWED_TOGETHER = 0.03
"""By how much Nabf of one reference of several may rise for contrast: their mean has far less than each of them."""

LEAST_SIMILARITY = 0.75
"""Structural similarity with the reference that an enhanced one must keep."""

NOISE_ALLOWED = 1.15
"""By what factor the noise in flat areas may rise."""

ARTIFACTS_ALLOWED = 0.005
"""By how much Nabf may rise."""


@dataclass(frozen=True)
class Strength:
    """How much of each step of the adaptive enhancement is applied, 0..1, in this order."""

    range: float = 0.0
    brightness: float = 0.0
    targets: float = 0.0
    detail: float = 0.0


STRENGTHS = (
    Strength(),
    Strength(detail=1),
    Strength(range=0.5, detail=1),
    Strength(range=0.5, detail=1, targets=0.5),
    Strength(range=1, detail=1),
    Strength(range=1, detail=1, targets=0.5),
    Strength(brightness=1, detail=1, targets=0.5),
    Strength(range=1, brightness=0.5, detail=1, targets=0.5),
    Strength(range=1, brightness=1, detail=1, targets=0.5),
)
"""What the adaptive enhancement chooses from; the first leaves the reference alone."""


@dataclass(frozen=True)
class Enhanced:
    """A reference as supervision.

    Attributes:
        image: ``uint8 [1, H, W]``.
        record: what was done, in words and numbers that JSON can hold.
    """

    image: Tensor
    record: Mapping[str, object]


def enhance(
    kind: str,
    infrared: Tensor,
    visible: Tensor,
    references: Sequence[Tensor],
    weights: Sequence[float],
    yardstick: Yardstick | None = None,
) -> list[Enhanced]:
    """Enhance the references of one pair.

    Args:
        kind: one of `KINDS`.
        infrared, visible: sources, ``uint8 [1, H, W]``.
        references: ``uint8 [1, H, W]`` each.
        weights: one each; their sum is 1.
        yardstick: of the network that is to learn. The adaptive enhancement then chooses what pays most against its
            own result, and keeps the contrast of this, see `lifted`.

    Raises:
        FusionError: unknown kind.
    """
    if kind not in KINDS:
        raise FusionError(f"no enhancement {kind!r}; there are {', '.join(KINDS)}")
    if kind == "none":
        return [Enhanced(image, {"kind": kind}) for image in references]
    if kind == "published":
        images = to_uint8(published(to_float(torch.stack(list(references)))))
        return [Enhanced(image, {"kind": kind}) for image in images]
    scene = Scene(infrared, visible)
    best = [_best(scene, reference, yardstick) for reference in references]
    return best if yardstick is None else _lifted(scene, references, best, weights, yardstick)


def published(reference: Tensor) -> Tensor:
    """The formula in the RtS authors' code, with the edge term it was meant to have.

    Contrast is adapted, ``d = S + 10 std(x)/mean(x) (x - S)`` with S a 3x3 Gaussian of sigma 1.5; x is stretched and
    raised to ``g = -1 / mean log x``, plus .2 for dark pictures; ``5 M (x - S)`` is added, M being the local variance
    of ``|x - S|``, scaled to 0..1, where ``|d - S| >= |x - S|``. As released, M is zero on every edge.

    Args:
        reference: ``float32 [B, 1, H, W]`` in 0..1.
    """
    x = reference.double() * 255
    smooth = conv2d(pad(x, (1, 1, 1, 1), "reflect"), _gaussian_3x3(x))
    mean = x.mean((2, 3), keepdim=True)
    gain = 10 * x.std((2, 3), keepdim=True) / mean.clamp(min=1e-6)
    fine = x - smooth
    patch = (fine.abs().var((2, 3), keepdim=True)) ** 0.2
    windows = pad(fine.abs(), (1, 1, 1, 1), "reflect").unfold(2, 3, 1).unfold(3, 3, 1).flatten(4)
    edges = torch.where(gain >= 1, patch * windows.var(-1), 0.0)
    edges = _stretched(edges)
    low, high = x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
    unit = (255 * (x - low) / (high - low + 0.1) + 0.5) / 256
    exponent = -1 / unit.log().mean((2, 3), keepdim=True)
    exponent = exponent + torch.where(mean / 255 < 0.2, 0.2, 0.0)
    return ((256 * unit**exponent - 0.5 + 5 * edges * fine) / 255).clamp(0, 1).float()


def _gaussian_3x3(like: Tensor) -> Tensor:
    taps = torch.exp(-(torch.tensor([-1.0, 0.0, 1.0], dtype=like.dtype, device=like.device) ** 2) / (2 * 1.5**2))
    return (taps[:, None] * taps / taps.sum() ** 2)[None, None]


def _stretched(image: Tensor) -> Tensor:
    low, high = image.amin((2, 3), keepdim=True), image.amax((2, 3), keepdim=True)
    return torch.where(high > low, (image - low) / (high - low).clamp(min=1e-12), 0.0)


class Scene:
    """The sources of one pair, and what enhancements ask of them, each computed once.

    Args:
        infrared, visible: ``uint8 [1, H, W]``.

    Attributes:
        pictures: both for metrics.
        night: whether it is one.
    """

    def __init__(self, infrared: Tensor, visible: Tensor) -> None:
        self.pictures = Picture(infrared[None]), Picture(visible[None])
        self.night = is_night(visible)
        self._planes = to_float(infrared)[None], to_float(visible)[None]

    @cached_property
    def _slopes(self) -> tuple[Tensor, Tensor]:
        infrared, visible = self._planes
        return gradient_strength(infrared), gradient_strength(visible)

    @cached_property
    def slope(self) -> Tensor:
        """The stronger of the two gradients, ``float32 [1, 1, H, W]`` like all that follow."""
        return torch.maximum(*self._slopes)

    @cached_property
    def detail(self) -> Tensor:
        """Fine detail of the source with the stronger gradient."""
        first, second = map(fine_detail, self._planes)
        return torch.where(self._slopes[0] > self._slopes[1], first, second)

    @cached_property
    def spread(self) -> Tensor:
        """The larger of the two local standard deviations."""
        return torch.maximum(*map(local_deviation, self._planes))

    @cached_property
    def radius(self) -> int:
        """Of a hot object's surroundings: a square of a quarter of the picture."""
        return max(4, min(self._planes[0].shape[-2:]) // 8)

    @cached_property
    def standing_out(self) -> Tensor:
        """By how much a pixel of the infrared image is brighter than its surroundings."""
        return self._planes[0] - box_mean(self._planes[0], self.radius)

    @cached_property
    def hot(self) -> Tensor:
        """1 where an object stands out by more than a standard deviation of its surroundings and 30 grey levels."""
        infrared = self._planes[0]
        around = infrared - self.standing_out
        deviation = (box_mean(infrared * infrared, self.radius) - around * around).clamp(min=0).sqrt()
        least = torch.maximum(deviation, infrared.new_tensor(30 / 255))
        return box_mean(((self.standing_out - least) * 20).clamp(0, 1), 1)


def _best(scene: Scene, reference: Tensor, yardstick: Yardstick | None) -> Enhanced:
    """The adaptive enhancement at the strength that scores best and passes the guards."""
    tried = {
        str(number): to_uint8(adapted(scene, to_float(reference)[None], strength))[0]
        for number, strength in enumerate(STRENGTHS)
    }
    guard = Guard(scene, reference)
    refused = {name: broken for name, image in tried.items() if (broken := guard(image))}
    judged = judge(scene.pictures, {name: image for name, image in tried.items() if name not in refused})
    passed = {found.method: found for found in judged if not found.rejected}
    gains = {name: yardstick.gains(found.metrics) for name, found in passed.items()} if yardstick else {}
    scores = {name: no_regret(gains[name]) if gains else found.score or 0.0 for name, found in passed.items()}
    best = max(scores, key=scores.__getitem__, default="0")
    record = {
        "kind": "adaptive",
        "scene": "night" if scene.night else "day",
        "chosen": asdict(STRENGTHS[int(best)]),
        "scores": [scores.get(name) for name in tried],
        "refused": refused,
        **({"teaches": taught(gains[best])} if best in gains else {}),
    }
    return Enhanced(tried[best], record)


def _lifted(
    scene: Scene, references: Sequence[Tensor], best: Sequence[Enhanced], weights: Sequence[float], yardstick: Yardstick
) -> list[Enhanced]:
    """Enhanced references with their contrast raised together, those alone that stay what they are by it."""
    wanted = KEPT_CONTRAST * float(to_float(yardstick.image).std())
    gain, images = lifted(torch.cat([to_float(one.image)[None] for one in best]), weights, wanted)
    found = []
    for reference, one, image in zip(references, best, to_uint8(images), strict=True):
        broken = Guard(scene, reference, ARTIFACTS_ALLOWED_TOGETHER)(image) if gain > 1 else ""
        lift = {"contrast": 1.0 if broken else gain, **({"not_lifted": broken} if broken else {})}
        found.append(Enhanced(one.image if broken else image, {**one.record, **lift}))
    return found


class Guard:
    """Tells whether an enhanced reference is still the reference, with no more artefacts and noise; see `_best`.

    Args:
        scene: the sources.
        reference: ``uint8 [1, H, W]``.
        allowed: by how much Nabf may rise.
    """

    def __init__(self, scene: Scene, reference: Tensor, allowed: float = ARTIFACTS_ALLOWED) -> None:
        self.scene, self.reference = scene, Picture(reference[None])
        self.artifacts, self.noise = self._artifacts(self.reference), self._noise(reference)
        self.most_artifacts = self.artifacts + allowed

    def __call__(self, image: Tensor) -> str:
        """Why ``uint8 [1, H, W]`` may not be used; "" if it may."""
        picture = Picture(image[None])
        if torch.equal(picture.levels, self.reference.levels):
            return ""
        if min(picture.size) >= get("ssim").min_side:
            similarity = get("ssim")(self.reference, self.reference, picture).values.item() / 2
            if similarity < LEAST_SIMILARITY:
                return f"structure: similarity {similarity:.2f}"
        artifacts, noise = self._artifacts(picture), self._noise(image)
        if artifacts > self.most_artifacts:
            return f"artefacts: Nabf {self.artifacts:.3f} to {artifacts:.3f}"
        if noise > NOISE_ALLOWED * self.noise + 0.2 / 255:
            return f"noise: {255 * self.noise:.2f} to {255 * noise:.2f} grey levels in flat areas"
        return ""

    def _artifacts(self, picture: Picture) -> float:
        return value_of("nabf", *self.scene.pictures, picture)

    def _noise(self, image: Tensor) -> float:
        return noise_level(self.scene, to_float(image)[None])


def tone_exponent(median: float, night: bool) -> float:
    """Exponent of the tone curve ``x^g`` that brings a median, 0..1, to the nearer end of the well exposed range."""
    low, high = WELL_EXPOSED["night" if night else "day"]
    target = min(max(median, low), high)
    if median in (0.0, 1.0) or target == median:
        return 1.0 if target == median else (1 / LARGEST_EXPONENT if median == 0 else LARGEST_EXPONENT)
    return min(max(log(target) / log(median), 1 / LARGEST_EXPONENT), LARGEST_EXPONENT)


def adapted(scene: Scene, reference: Tensor, strength: Strength) -> Tensor:
    """Range, tone curve, hot targets, lost detail, each as strong as `strength` says; ``float32 [1, 1, H, W]``."""
    image = widened(reference, strength.range)
    if strength.brightness:
        median = float(image.flatten().median())
        image = image ** (tone_exponent(median, scene.night) ** strength.brightness)
    if strength.targets:
        image = image + strength.targets * lost_target_contrast(scene, image)
    if strength.detail:
        image = image + strength.detail * lost_detail(scene, image)
    return image.clamp(0, 1)


def lifted(images: Tensor, weights: Sequence[float], deviation: float) -> tuple[float, Tensor]:
    """References with their broad contrast raised together until their weighted mean has a standard deviation.

    The mean of pictures that differ has less contrast than each of them, and a network that learns from them no more
    than their mean. What a coarse guided filter keeps of each is stretched about its mean; the detail on it stays as it
    is, so that neither noise nor edges grow much above those of the sources. Contrast is never lowered.

    Args:
        images: ``float32 [K, 1, H, W]`` in 0..1.
        weights: one each; their sum is 1.
        deviation: on the scale of the images.

    Returns:
        The factor, at most `LARGEST_CONTRAST`, and the images.
    """
    detail = _above_base(images, *BROAD)
    base = images - detail
    middle = base.mean((2, 3), keepdim=True)
    shares = images.new_tensor(weights)[:, None, None, None]
    for gain in torch.linspace(1, LARGEST_CONTRAST, 31).tolist():
        found = (middle + gain * (base - middle) + detail).clamp(0, 1) if gain > 1 else images
        if float((found * shares).sum(0).std()) >= deviation:
            break
    return gain, found


def widened(image: Tensor, share: float) -> Tensor:
    """The image with the range of its illumination widened towards `FULL_RANGE`, by a share of the way; never narrowed.

    Illumination is what a coarse guided filter keeps. The detail on it stays as it is, so that neither noise nor edges
    grow above those of the sources.
    """
    found = torch.quantile(image.flatten().cpu(), torch.tensor([0.01, 0.99]), interpolation="nearest").tolist()
    low = min(found[0], found[0] + share * (FULL_RANGE[0] - found[0]))
    high = max(found[1], found[1] + share * (FULL_RANGE[1] - found[1]))
    if not share or found[0] == found[1]:
        return image
    detail = _above_base(image, *ILLUMINATION)
    base = (image - detail - found[0]) * ((high - low) / (found[1] - found[0])) + low
    return (base + detail).clamp(0, 1)


def lost_detail(scene: Scene, image: Tensor) -> Tensor:
    """What the detail of the source with the stronger gradient has more than the image's, none where both are flat.

    Base and detail are split by a guided filter, which leaves edges in the base: adding detail makes no halos.
    """
    missing = (scene.slope - gradient_strength(image)).clamp(min=0) / scene.slope.clamp(min=1e-6)
    textured = ((scene.spread - FLAT) / FLAT).clamp(0, 1)
    return textured * missing * (scene.detail - fine_detail(image))


def lost_target_contrast(scene: Scene, image: Tensor) -> Tensor:
    """By how much hot objects stand out less from their surroundings than in the infrared image."""
    wanted = box_mean(image, scene.radius) + scene.standing_out
    return scene.hot * (wanted - image).clamp(min=0)


def noise_level(scene: Scene, image: Tensor) -> float:
    """Standard deviation of the fine detail where neither source has more than noise, 0..1; 0 where that is nowhere."""
    values = fine_detail(image)[scene.spread < FLAT]
    return float(values.double().std()) if values.numel() > 100 else 0.0


def fine_detail(image: Tensor) -> Tensor:
    """The image less what a fine guided filter keeps of it."""
    return _above_base(image, *DETAIL)


def _above_base(image: Tensor, radius: int, epsilon: float) -> Tensor:
    """The image less what a guided filter, guided by the image itself, keeps of it.

    He, Sun, Tang, "Guided image filtering", PAMI 35(6), 2013.
    """
    mean = box_mean(image, radius)
    variance = (box_mean(image * image, radius) - mean * mean).clamp(min=0)
    slope = variance / (variance + epsilon)
    return image - (box_mean(slope, radius) * image + box_mean(mean - slope * mean, radius))


def local_deviation(image: Tensor) -> Tensor:
    """Standard deviation in 7x7 windows."""
    mean = box_mean(image, 3)
    return (box_mean(image * image, 3) - mean * mean).clamp(min=0).sqrt()


def gradient_strength(image: Tensor) -> Tensor:
    """Magnitude of central differences, border pixels repeated."""
    padded = pad(image, (1, 1, 1, 1), "replicate")
    across = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    down = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    return (across.square() + down.square()).sqrt() / 2


def box_mean(image: Tensor, radius: int) -> Tensor:
    """Mean over squares of ``2 radius + 1`` pixels, border pixels repeated."""
    across = _sliding_mean(pad(image, (radius, radius, 0, 0), "replicate"), radius, 3)
    return _sliding_mean(pad(across, (0, 0, radius, radius), "replicate"), radius, 2)


def _sliding_mean(image: Tensor, radius: int, axis: int) -> Tensor:
    """Mean over ``2 radius + 1`` pixels along an axis, by running sums: as fast for any radius."""
    size = 2 * radius + 1
    sums = image.cumsum(axis, dtype=torch.float64)
    first, count = sums.narrow(axis, size - 1, 1), sums.shape[axis] - size
    rest = sums.narrow(axis, size, count) - sums.narrow(axis, 0, count)
    return (torch.cat((first, rest), axis) / size).to(image.dtype)
