"""A user's own network and recipe, from a file outside of this repository: trained, loaded, fused with, and refused."""

import importlib
import json
import linecache
import re
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ivif import fusion
from ivif.datasets.files import sha256_file
from ivif.datasets.images import luminance, read_image, to_float
from ivif.fusion import FusionError
from ivif.fusion.cli import main
from ivif.fusion.reference.supervision import Targets
from ivif.fusion.training.recipe import BySources, Examples
from ivif.fusion.training.recipes import recipe_for

OWN = """
    import torch
    from torch import nn
    from ivif.fusion.networks.base import NetworkMethod
    from ivif.fusion.training.recipe import Recipe

    class Mean(nn.Module):
        def forward(self, infrared, visible):
            return (infrared + visible) / 2

    class Pair(nn.Module):  # sums from 0 to 2
        value_range = (0, 2)
        def forward(self, infrared, visible):
            assert infrared.max() > 1
            return (infrared + visible) / 2

    class Sum(nn.Module):
        def forward(self, infrared, visible):
            return infrared + visible

    class Scaled(nn.Module):
        title, multiple, slow = "Scaled!", 16, True
        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(torch.tensor(0.5))
            self.register_buffer("shift", torch.zeros(3, dtype=torch.int64))
        def forward(self, infrared, visible):
            assert infrared.shape[-1] % 16 == 0
            return self.factor * visible

    class Ready(Scaled):
        loads_own_weights = True

    class Divided(nn.Module):
        def forward(self, infrared, visible):
            return (infrared + visible) / 2 / 255

    class Cropped(nn.Module):
        def forward(self, infrared, visible):
            return visible[..., 1:]

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(1, 1, 3, padding=1)
            self.second = nn.Conv2d(1, 1, 3, padding=1)
            self.second.weight = self.first.weight
        def forward(self, infrared, visible):
            return (self.first(infrared) + self.second(visible)).sigmoid()

    class Backwards(nn.Module):  # normalises before it convolves
        loads_own_weights = True
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)
            self.conv.weight.data.fill_(0.5)
            self.conv.bias.data.fill_(0.25)
            self.bn.running_mean.fill_(0.5)
        def forward(self, infrared, visible):
            return self.conv(self.bn(visible))

    class Method(NetworkMethod):
        module = Scaled
        def fuse_planes(self, infrared, visible):
            return 1 - self.network(infrared, visible)

    class Two(nn.Module):
        def forward(self, infrared, visible):
            return infrared, visible

    class Nonsense(Mean):
        value_range = 255

    class Needy(nn.Module):
        def __init__(self, channels):
            super().__init__()

    class ByReferencesAlone(Recipe):
        module = Pair

    class TiedRecipe(Recipe):
        module = Tied

    class CroppedRecipe(Recipe):
        module = Cropped

    class Nothing(Recipe):
        pass
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """``own("mine", text)`` writes ``mine.py`` into the current folder, a new one; it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    written = []

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        importlib.invalidate_caches()
        linecache.checkcache()
        sys.modules.pop(name, None)
        written.append(name)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)


@pytest.fixture
def mine(own):
    """The name of a module with everything above in it."""
    return own("own_networks", OWN)


IN_PROCESS = ["--jobs", "1"]
"""Workers that an earlier test started would not be in the current folder."""


def sources(height=20, width=30, seed=0):
    return torch.rand(2, 1, 1, height, width, generator=torch.Generator().manual_seed(seed)).unbind()


def test_the_example_of_the_readme_trains_and_fuses(own, smooth_pairs, tmp_path, capsys):
    """As it stands there, on five small pairs, with and without references; then a pair is fused, as by the module."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (example,) = (code for code in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "(Recipe)" in code)
    own("mine", example)
    smooth_pairs(5, 64)
    pairs = ["--infrared", "infrared", "--visible", "visible"]
    methods = ["--method", "average", "--method", "laplacian", "--method", "gff"]
    assert main(["references", *pairs, *methods, "--k", "2", "--out", "references", *IN_PROCESS]) == 0
    few = [*pairs, "--patch", "32", "--batch", "2", "--budget", "3"]
    assert main(["train", "mine:MyRecipe", *few]) == 0
    assert main(["train", "mine:MyRecipe", "--supervision", "rts", "--references", "references", *few]) == 0
    assert "training/mynet+rts/mynet+rts.safetensors: 3 steps" in capsys.readouterr().out
    weights = Path("training/mynet+rts/mynet+rts.safetensors")
    assert sha256_file(weights) != sha256_file(Path("training/mynet/mynet.safetensors"))

    files = ["--infrared", "infrared/0.png", "--visible", "visible/0.png", "-o", "out.png"]
    assert main(["fuse", "--method", "mine:MyNet", "--weights", str(weights), *files]) == 0
    network = importlib.import_module("mine").MyNet()
    network.load_state_dict(load_file(weights))
    with torch.no_grad():
        images = (luminance(read_image(Path(role, "0.png"))) for role in ("infrared", "visible"))
        expected = 255 * network(*(to_float(image)[None] for image in images))[0]
    assert (read_image(Path("out.png")) - expected).abs().max() <= 0.51

    assert main(["weights", "verify", str(weights)]) == 0
    assert main(["fuse", "--method", f"mine:MyNet+rts={weights}", *files]) == 0
    assert main(["fuse", "--method", "mine:MyNet", *files]) == 2
    assert "MyNet would fuse with random weights" in capsys.readouterr().err


def test_names_of_ones_own_weights(mine, tmp_path):
    save_file({"factor": torch.tensor(0.25), "shift": torch.zeros(3, dtype=torch.int64)}, "scaled+rts.safetensors")
    path = f"{mine}:Scaled"
    by_file = fusion.load(path, "scaled+rts.safetensors")
    assert (by_file.name, by_file.title) == ("scaled+rts", "Scaled! (RtS)")
    for name in (path, f"{path}+rts", f"{path}+other"):
        method = fusion.load(f"{name}=scaled+rts.safetensors")
        assert method.name == name
        assert method.state() == sha256_file(tmp_path / "scaled+rts.safetensors")
        infrared, visible = sources()
        torch.testing.assert_close(method.fuse(infrared, visible), visible / 4)


def test_a_checkpoint_of_ones_own_is_taken_too(mine, tmp_path, monkeypatch):
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path / "cache"))
    state = {"module.factor": torch.tensor(0.125), "module.shift": torch.zeros(3, dtype=torch.int64)}
    torch.save({"state_dict": state, "epoch": 3}, "epoch3.pth")
    infrared, visible = sources()
    method = fusion.load(f"{mine}:Scaled=epoch3.pth")
    torch.testing.assert_close(method.fuse(infrared, visible), visible / 8)
    assert main(["weights", "convert", f"{mine}:Scaled", "epoch3.pth"]) == 2
    assert main(["weights", "convert", f"{mine}:Scaled", "epoch3.pth", "-o", "own.safetensors"]) == 0
    assert main(["weights", "verify", "own.safetensors"]) == 0


def test_facts_that_a_module_states_are_the_methods(mine):
    method = fusion.load(f"{mine}:Ready")
    assert (method.name, method.title, method.family) == ("ready", "Scaled!", "own")
    assert (method.multiple, method.slow, method.tile) == (16, True, None)
    infrared, visible = sources(17, 23)
    torch.testing.assert_close(method.fuse(infrared, visible), visible / 2)


def test_weights_are_asked_for_where_there_are_any(mine):
    with pytest.raises(FusionError, match=r"would fuse with random weights.*loads_own_weights = True"):
        fusion.load(f"{mine}:Scaled")
    infrared, visible = sources()
    torch.testing.assert_close(fusion.load(f"{mine}:Mean").fuse(infrared, visible), (infrared + visible) / 2)


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("Scaled+rts", None, r"come from a file, as in .*:Scaled\+rts=FILE"),
        ("Scaled=none.safetensors", None, "there is no weights file none.safetensors"),
        ("Scaled", "rts", "there is no weights file rts"),
        ("Scaled", "none.pth", "no such file"),
        ("Mean=", None, "expected NAME=FILE"),
        ("Needy", None, "cannot be made without arguments .*channels"),
    ],
)
def test_ones_own_weights_that_cannot_be_had(mine, name, weights, message):
    with pytest.raises(FusionError, match=message):
        fusion.load(f"{mine}:{name}", weights)


def test_layers_stay_as_they_are(mine):
    """0.5 (v - 0.5) + 0.25, but for the 1e-5 that keeps variances of 1 from 0; folding would give v / 2 + 0.125."""
    infrared, visible = sources()
    torch.testing.assert_close(fusion.load(f"{mine}:Backwards").fuse(infrared, visible), visible / 2, rtol=0, atol=1e-5)


def test_ones_own_method_takes_weights_too(mine):
    save_file({"factor": torch.tensor(0.25), "shift": torch.zeros(3, dtype=torch.int64)}, "own.safetensors")
    infrared, visible = sources(16, 32)
    method = fusion.load(f"{mine}:Method=own.safetensors")
    torch.testing.assert_close(method.fuse(infrared, visible), 1 - visible / 4)
    with pytest.raises(FusionError, match="no original weights of method"):
        fusion.load(f"{mine}:Method")


def test_layers_that_share_weights_are_written(mine, smooth_pairs):
    smooth_pairs(2, 64)
    words = ["train", f"{mine}:TiedRecipe", "--infrared", "infrared", "--visible", "visible", "--budget", "1"]
    assert main(["references", *words[2:6], "--method", "average", "--out", "references", *IN_PROCESS]) == 0
    assert main([*words, "--supervision", "rts", "--references", "references", "--batch", "1"]) == 0
    method = fusion.load(f"{mine}:Tied", "training/tied+rts/tied+rts.safetensors")
    assert method.network.first.weight is method.network.second.weight
    manifest = json.loads(Path("training/tied+rts/tied+rts.json").read_text())
    assert (manifest["network"], manifest["licence"]) == (f"{mine}:Tied", "as its author says")


def test_identity_follows_weights_and_code(own):
    first = fusion.load(f"{own('first', OWN)}:Ready")
    assert first.state() == fusion.load("first:Ready").state()
    before = first.fingerprint()
    assert before == fusion.load("first:Ready").fingerprint()
    weighing = fusion.load(f"{own('second', OWN.replace('tensor(0.5)', 'tensor(0.75)'))}:Ready")
    assert weighing.state() != first.state()
    buffered = fusion.load(f"{own('third', OWN.replace('torch.zeros(3', 'torch.ones(3'))}:Ready")
    assert buffered.state() != first.state()
    coded = fusion.load(f"{own('first', OWN.replace('self.factor * visible', 'self.factor * infrared'))}:Ready")
    assert coded.state() == first.state() and coded.fingerprint() != before


def test_results_outside_the_range_are_an_error(mine):
    bright = torch.full((1, 1, 4, 4), 0.75)
    with pytest.raises(FusionError, match=r"Sum gave values from 1.5 to 1.5, expected 0 to 1: .*value_range = \(low"):
        fusion.load(f"{mine}:Sum").fuse(bright, bright)
    torch.testing.assert_close(fusion.load(f"{mine}:Sum").fuse(bright / 2, bright / 2), bright)


def test_results_that_lost_their_grey_levels_are_an_error(mine):
    method, row = fusion.load(f"{mine}:Divided"), torch.linspace(0, 1, 32)
    with pytest.raises(
        FusionError, match=r"Divided gave values from 0 to 0\.0039\d*, fewer than three grey levels .*255"
    ):
        method.fuse(row.expand(1, 1, 8, 32), row.expand(1, 1, 8, 32))
    flat = torch.full((1, 1, 8, 8), 0.5)
    torch.testing.assert_close(method.fuse(flat, flat), flat / 255)


def test_another_range_is_stated(mine):
    infrared, visible = sources()
    torch.testing.assert_close(fusion.load(f"{mine}:Pair").fuse(infrared, visible), (infrared + visible) / 2)
    with pytest.raises(FusionError, match=r"expected value_range = \(low, high\), found 255"):
        fusion.load(f"{mine}:Nonsense").fuse(infrared, visible)


@pytest.mark.parametrize(("name", "found"), [("Cropped", r"float32 \[1, 1, 20, 29\]"), ("Two", "tuple")])
def test_what_is_no_image_of_the_sources_size_is_refused(mine, name, found):
    with pytest.raises(
        FusionError, match=rf"{name}: forward\(infrared, visible\) gave .*{found} for sources of \[1, 1"
    ):
        fusion.load(f"{mine}:{name}").fuse(*sources())


# Recipes


def test_a_recipe_has_defaults(mine):
    recipe = recipe_for(f"{mine}:ByReferencesAlone")
    assert (recipe.network, recipe.method) == ("pair", f"{mine}:Pair")
    assert recipe.examples(*sources()).infrared.max() > 1
    with pytest.raises(FusionError, match=r"has no loss against the sources: define original.*--supervision rts"):
        recipe.original(Examples(*sources()), [sources()[0]])


def test_the_default_loss_against_references_by_hand(mine):
    """Of black and a white dot in 5x5 pixels, whose second derivative is -4 there and 1 around it: 20 in all."""
    fused, dot = torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 5, 5)
    dot[..., 2, 2] = 1
    targets = Targets(torch.cat((dot, fused), 1), torch.tensor([[0.75, 0.25]]))
    found = recipe_for(f"{mine}:ByReferencesAlone").referenced(Examples(fused, fused, targets), [fused], targets)
    assert found.item() == pytest.approx(0.75 * (1 + 5 * 20) / 25)


def test_a_recipe_refuses_what_would_be_compared_by_accident(mine):
    recipe = recipe_for(f"{mine}:CroppedRecipe", BySources())
    with pytest.raises(FusionError, match=r"Cropped: forward\(infrared, visible\) gave"):
        recipe.forward(recipe.module(), recipe.examples(*sources()))


@pytest.mark.parametrize("name", ["Mean", "Nothing"])
def test_what_is_no_recipe_is_refused(mine, name):
    with pytest.raises(FusionError, match=r"is no recipe: expected a class that derives from .*Recipe and names"):
        recipe_for(f"{mine}:{name}")


def test_ones_own_training_starts_from_nothing_or_from_a_file(mine, smooth_pairs, capsys):
    smooth_pairs(2, 64)
    words = ["train", f"{mine}:ByReferencesAlone", "--infrared", "infrared", "--visible", "visible"]
    assert main([*words, "--init", "original"]) == 2
    assert "starts from scratch or from a safetensors file" in capsys.readouterr().err
