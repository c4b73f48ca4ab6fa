"""FusionMethod: colour, padding, tiling and refusals, each shown on methods simple enough to predict."""

import importlib
import sys

import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad

from ivif.datasets.images import rgb_to_ycbcr
from ivif.fusion.loading import bundled
from ivif.fusion.method import FusionError, FusionMethod

# Multiples of 1/256 and kernels of powers of two add up without rounding, so that equal means equal to the bit.
EXACT = 256


def image(channels, height, width, batch=1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, EXACT + 1, (batch, channels, height, width), generator=generator) / EXACT


class Double(FusionMethod):
    """A method that tests fill with a function of both planes and remember the shapes of."""

    name, title, family, paper = "double", "Double", "test", ""

    def __init__(self, function=lambda infrared, visible: (infrared + visible) / 2):
        self.function = function
        self.seen = []

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        self.seen.append((tuple(infrared.shape), tuple(visible.shape)))
        return self.function(infrared, visible)


class DoubleRgb(Double):
    input = "rgb"


def cross(infrared, visible):
    """Receptive field of radius 2, edges repeated at the border of what it is given (as a padded network does)."""
    inside = pad((infrared + visible) / 2, (2, 2, 2, 2), "constant", 0)
    return (
        inside[..., 2:-2, 2:-2] / 2
        + inside[..., :-4, 2:-2] / 8
        + inside[..., 4:, 2:-2] / 8
        + inside[..., 2:-2, :-4] / 8
        + inside[..., 2:-2, 4:] / 8
    )


def blocks(infrared, visible):
    """Strided: means of 4 x 4 blocks, blown up again, then `cross`; needs the grid and a multiple of 4."""
    coarse = interpolate(avg_pool2d((infrared + visible) / 2, 4), scale_factor=4, mode="nearest")
    return cross(coarse, coarse)


def tiled(function, tile, margin, multiple=1):
    facts = {"tile": tile, "margin": margin, "multiple": multiple}
    return type("Tiled", (Double,), facts)(function)


def test_grey_pair_stays_grey():
    infrared, visible = image(1, 6, 8, batch=2), image(1, 6, 8, batch=2, seed=1)
    torch.testing.assert_close(Double().fuse(infrared, visible), (infrared + visible) / 2, rtol=0, atol=0)


def test_luminance_method_gets_luminance_and_the_visible_chroma_is_put_back():
    infrared, visible = image(1, 6, 8), 0.25 + image(3, 6, 8) / 2
    method = Double(lambda left, right: right + (left - 0.5) / 10)
    fused = method.fuse(infrared, visible)
    assert method.seen == [((1, 1, 6, 8), (1, 1, 6, 8))]
    torch.testing.assert_close(rgb_to_ycbcr(fused)[:, 1:], rgb_to_ycbcr(visible)[:, 1:], rtol=0, atol=1e-6)
    # Equal chroma means that all three channels moved by the same amount as the luminance.
    torch.testing.assert_close(fused - visible, ((infrared - 0.5) / 10).expand(-1, 3, -1, -1), rtol=0, atol=1e-6)


def test_rgb_method_gets_three_channels():
    infrared, visible = image(1, 6, 8), image(3, 6, 8)
    method = DoubleRgb()
    fused = method.fuse(infrared, visible)
    assert method.seen == [((1, 1, 6, 8), (1, 3, 6, 8))]
    torch.testing.assert_close(fused, (infrared + visible) / 2, rtol=0, atol=0)


def test_rgb_method_on_a_grey_pair_returns_grey():
    infrared, visible = image(1, 6, 8), image(1, 6, 8, seed=1)
    method = DoubleRgb()
    fused = method.fuse(infrared, visible)
    assert method.seen == [((1, 1, 6, 8), (1, 3, 6, 8))]
    torch.testing.assert_close(fused, (infrared + visible) / 2, rtol=0, atol=1e-6)


def test_result_is_clipped_to_the_range_of_images():
    fused = Double(lambda left, right: left * 3 - 1).fuse(image(1, 6, 8), image(1, 6, 8))
    torch.testing.assert_close(fused, (image(1, 6, 8) * 3 - 1).clamp(0, 1), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("size", "padded"),
    [((16, 24), (16, 24)), ((17, 24), (24, 24)), ((15, 9), (16, 16)), ((3, 30), (8, 32)), ((1, 1), (8, 8))],
)
def test_sources_are_padded_to_the_multiple_and_the_result_is_cut_back(size, padded):
    method = tiled(lambda left, right: (left + right) / 2, tile=None, margin=0, multiple=8)
    infrared, visible = image(1, *size), image(1, *size, seed=1)
    fused = method.fuse(infrared, visible)
    assert method.seen == [((1, 1, *padded), (1, 1, *padded))]
    torch.testing.assert_close(fused, (infrared + visible) / 2, rtol=0, atol=0)


def test_padding_reflects_the_image():
    seen = []
    method = tiled(lambda left, right: seen.append(left) or left, tile=None, margin=0, multiple=4)
    method.fuse(torch.arange(6.0).reshape(1, 1, 1, 6).expand(1, 1, 6, 6) / 6, image(1, 6, 6))
    torch.testing.assert_close(seen[0][0, 0, 0] * 6, torch.tensor([0.0, 1, 2, 3, 4, 5, 4, 3]))


@pytest.mark.parametrize("colour", [1, 3])
@pytest.mark.parametrize("size", [(64, 64), (37, 61), (65, 20), (16, 16), (17, 16), (1, 70), (33, 100)])
def test_tiles_give_the_same_as_the_whole_image(size, colour):
    infrared, visible = image(1, *size, batch=2), image(colour, *size, batch=2, seed=1)
    whole = Double(cross).fuse(infrared, visible)
    method = tiled(cross, tile=16, margin=2)
    torch.testing.assert_close(method.fuse(infrared, visible), whole, rtol=0, atol=0)
    assert all(max(shape[-2:]) <= 16 for shape, _ in method.seen)
    assert (len(method.seen) > 1) == (max(size) > 16)


@pytest.mark.parametrize("margin", [6, 8, 9])
@pytest.mark.parametrize("size", [(64, 64), (37, 61), (65, 30), (61, 62), (90, 33), (34, 35)])
def test_tiles_of_a_strided_method_keep_its_grid(size, margin):
    infrared, visible = image(1, *size), image(1, *size, seed=1)
    whole = tiled(blocks, tile=None, margin=0, multiple=4).fuse(infrared, visible)
    method = tiled(blocks, tile=32, margin=margin, multiple=4)
    torch.testing.assert_close(method.fuse(infrared, visible), whole, rtol=0, atol=0)
    assert all(max(shape[-2:]) <= 32 for shape, _ in method.seen)
    assert len(method.seen) > 1


def test_rgb_method_is_tiled_too():
    infrared, visible = image(1, 40, 33), image(1, 40, 33, seed=1)
    facts = {"input": "rgb", "tile": 16, "margin": 2}
    fused = type("Tiled", (Double,), facts)(cross).fuse(infrared, visible)
    torch.testing.assert_close(fused, Double(cross).fuse(infrared, visible), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("infrared", "visible", "message"),
    [
        (image(3, 6, 8), image(3, 6, 8), r"expected infrared \[B, 1, H, W\]"),
        (image(1, 6, 8), image(2, 6, 8), r"found \[1, 1, 6, 8\] and \[1, 2, 6, 8\]"),
        (image(1, 6, 8)[0], image(1, 6, 8), "expected infrared"),
        (image(1, 6, 8), image(1, 8, 6), r"differ in size: \[1, 1, 6, 8\] and \[1, 1, 8, 6\]"),
        (image(1, 6, 8, batch=2), image(1, 6, 8), "differ in size"),
        (image(1, 6, 8).double(), image(1, 6, 8), "infrared must be float32 in 0..1"),
        (image(1, 6, 8), (image(1, 6, 8) * 255).to(torch.uint8), "visible must be float32 in 0..1"),
        (image(1, 6, 8) * 255, image(1, 6, 8), "infrared must be float32 in 0..1"),
        (image(1, 6, 8), image(1, 6, 8) - 0.1, "visible must be"),
        (image(1, 6, 8), image(1, 6, 8) * float("nan"), "visible must be"),
    ],
)
def test_sources_that_are_no_pair_are_refused(infrared, visible, message):
    with pytest.raises(FusionError, match=message):
        Double().fuse(infrared, visible)


@pytest.mark.parametrize("cls", [Double, DoubleRgb])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
def test_values_that_are_no_numbers_are_refused(cls, channels, broken):
    def function(infrared, visible):
        return torch.where(visible == visible.max(), broken, visible)

    with pytest.raises(FusionError, match="double returned NaN or infinite values"):
        cls(function).fuse(image(1, 6, 8), image(channels, 6, 8))


@pytest.mark.parametrize("cls", [Double, DoubleRgb])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "function",
    [
        lambda infrared, visible: visible[..., :-1],
        lambda infrared, visible: pad(visible, (0, 1, 0, 1)),
        lambda infrared, visible: visible[:, 0],
        lambda infrared, visible: torch.cat((visible, visible), dim=1),
        lambda infrared, visible: visible.mean(),
    ],
    ids=["smaller", "larger", "no channel axis", "more channels", "scalar"],
)
@pytest.mark.parametrize("facts", [{}, {"multiple": 16}, {"tile": 24}], ids=["whole", "padded", "tiled"])
def test_a_result_of_the_wrong_shape_is_refused(cls, channels, function, facts):
    method = type("Broken", (cls,), facts)(function)
    with pytest.raises(FusionError, match=r"double returned .* for sources of"):
        method.fuse(image(1, 40, 50), image(channels, 40, 50))


def test_a_result_that_is_no_float_image_is_refused():
    with pytest.raises(FusionError, match=r"double returned torch.uint8"):
        Double(lambda left, right: (right * 255).to(torch.uint8)).fuse(image(1, 6, 8), image(1, 6, 8))


@pytest.mark.parametrize("kind", [torch.float16, torch.float64])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_result_of_other_precision_becomes_float32(kind, channels):
    fused = Double(lambda left, right: right.to(kind)).fuse(image(1, 6, 8), image(channels, 6, 8))
    assert fused.dtype == torch.float32


def test_fuse_records_no_gradients():
    weight = torch.ones((), requires_grad=True)
    assert not Double(lambda left, right: right * weight).fuse(image(1, 6, 8), image(1, 6, 8)).requires_grad


def test_method_without_state_moves_to_itself():
    method = Double()
    assert method.to("cpu") is method


def test_fingerprint_follows_state():
    def with_state(text):
        return type("Stateful", (Double,), {"state": lambda self: text})()

    assert with_state("a").fingerprint() == with_state("a").fingerprint()
    assert with_state("a").fingerprint() != with_state("b").fingerprint()


METHOD_SOURCE = """
from mine.helper import weight
from ivif.fusion import FusionMethod
class Mine(FusionMethod):
    name, title, family, paper = "mine", "Mine", "own", ""
    def fuse_planes(self, infrared, visible):
        return weight() * visible
"""


def fingerprint_of(folder, monkeypatch, first="mine", **changed):
    """Fingerprint of a method in a package of its own, whose files are `changed` from a fixed beginning.

    The module `first` is imported before it.
    """
    sources = {"__init__": "", "other": "", "helper": "def weight():\n    return 1\n", "method": METHOD_SOURCE}
    package = folder / "mine"
    package.mkdir(parents=True)
    for name, text in {**sources, **changed}.items():
        (package / f"{name}.py").write_text(text)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(folder)
        for name in [name for name in sys.modules if name.split(".")[0] == "mine"]:
            patch.delitem(sys.modules, name)
        importlib.import_module(first)
        result = importlib.import_module("mine.method").Mine().fingerprint()
        for name in [name for name in sys.modules if name.split(".")[0] == "mine"]:
            del sys.modules[name]
    return result


def test_fingerprint_follows_the_code_a_method_uses_and_no_other(tmp_path, monkeypatch):
    first = fingerprint_of(tmp_path / "1", monkeypatch)
    assert fingerprint_of(tmp_path / "2", monkeypatch) == first
    assert fingerprint_of(tmp_path / "3", monkeypatch, other="changed = True\n") == first
    assert fingerprint_of(tmp_path / "4", monkeypatch, method=METHOD_SOURCE.replace("weight()", "0.5")) != first
    assert fingerprint_of(tmp_path / "5", monkeypatch, helper="def weight():\n    return 2\n") != first


def test_fingerprint_does_not_depend_on_what_others_imported(tmp_path, monkeypatch):
    """A package gets every imported submodule as a name; that is no use of it."""
    own = {"__init__": "def weight():\n    return 1\n", "method": METHOD_SOURCE.replace("mine.helper", "mine")}
    alone = fingerprint_of(tmp_path / "1", monkeypatch, **own)
    assert fingerprint_of(tmp_path / "2", monkeypatch, first="mine.other", **own) == alone
    changed = {**own, "__init__": "def weight():\n    return 2\n"}
    assert fingerprint_of(tmp_path / "3", monkeypatch, **changed) != alone


class Tanh(FusionMethod):
    """A network's output in -1..1, taken for an image."""

    name, title, family, paper = "tanh", "Tanh", "own", ""
    clips = False

    def fuse_planes(self, infrared, visible):
        return infrared + visible - 1


def test_values_outside_the_range_are_told_or_cut_off_where_that_is_meant():
    dark = torch.full((1, 1, 4, 4), 0.25)
    with pytest.raises(FusionError, match=r"tanh gave values from -0.5 to -0.5, expected 0 to 1: scale them"):
        Tanh().fuse(dark, dark)
    bright = torch.full((1, 1, 4, 4), 0.75)
    assert Tanh().fuse(bright, bright).unique().tolist() == [0.5]
    method = Tanh()
    method.clips = True
    assert method.fuse(dark, dark).unique().tolist() == [0]


@pytest.mark.parametrize(
    ("paper", "venue", "year"),
    [
        ("Li, Wu, DenseFuse: A Fusion Approach, IEEE TIP 2019", "IEEE TIP", 2019),
        ("Ma, FusionGAN: a title of 2 parts, Information Fusion 48, 2019", "Information Fusion", 2019),
        ("Toet, Ratio of low-pass pyramid, Pattern Recognition Letters, 1989", "Pattern Recognition Letters", 1989),
        ("baseline without a paper", "", None),
        ("", "", None),
    ],
)
def test_venue_and_year_are_read_from_the_paper(paper, venue, year):
    cls = type("Named", (Double,), {"paper": paper})
    assert (cls.venue, cls.year) == (venue, year)


def test_venue_and_year_that_a_class_states_are_kept():
    stated = {"paper": "Me, A title, Circuits, Systems, and Signal Processing 2019", "venue": "Circuits", "year": 2018}
    assert (type("Stated", (Double,), stated).venue, type("Stated", (Double,), stated).year) == ("Circuits", 2018)


@pytest.mark.parametrize("name", [name for name in bundled() if name not in ("average", "maximum", "mgt")])
def test_every_method_of_a_paper_has_its_venue_and_year(name):
    cls = bundled()[name]
    assert str(cls.year) in cls.paper and cls.venue in cls.paper and len(cls.venue) > 2
