"""Registry: bundled names, a user's own class from a folder, and what is said when a name leads nowhere."""

import sys
import textwrap

import pytest
import torch

from ivif import fusion
from ivif.fusion import FusionError, FusionMethod, registry
from ivif.fusion.loading import default_names, light_names

OWN = """
    from ivif.fusion import FusionMethod
    class Brighter(FusionMethod):
        def fuse_planes(self, infrared, visible):
            return visible + 0.25
    class Named(Brighter):
        name, title, family, paper = "named", "Named", "network", "Me, 2024"
    class NoMethod:
        pass
    number = 3
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with ``own_methods_<unique>.py`` in it, made the current one; gives the module's name."""
    name = f"own_methods_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(OWN))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    return name


def test_names_are_unique_and_load():
    names = fusion.names()
    assert len(set(names)) == len(names)
    assert {"average", "maximum", "laplacian", "rolp", "dwt", "dtcwt"} <= set(names)
    assert [fusion.load(name).name for name in names] == names


def test_each_load_gives_a_fresh_method():
    assert fusion.load("average") is not fusion.load("average")


@pytest.mark.parametrize(("name", "near"), [("Average", "average"), ("average ", "average"), ("RFN-Nest", "rfn_nest")])
def test_unknown_name_is_told_with_its_neighbours(name, near):
    with pytest.raises(FusionError, match=f"no method '{name}'; did you mean {near}.*package.module:Class"):
        fusion.load(name)


@pytest.mark.parametrize("name", ["nonsense", ""])
def test_unknown_name_lists_those_there_are(name):
    with pytest.raises(FusionError, match=f"no method '{name}'; there are average, .*package.module:Class"):
        fusion.load(name)


def test_own_class_is_found_in_the_current_folder(own):
    method = fusion.load(f"{own}:Brighter")
    assert (method.name, method.title, method.family, method.paper) == ("brighter", "Brighter", "own", "")
    fused = method.fuse(torch.zeros(1, 1, 4, 4), torch.full((1, 1, 4, 4), 0.5))
    torch.testing.assert_close(fused, torch.full((1, 1, 4, 4), 0.75))


def test_facts_an_own_class_declares_are_kept(own):
    method = fusion.load(f"{own}:Named")
    assert (method.name, method.title, method.family, method.paper) == ("named", "Named", "network", "Me, 2024")


def test_own_class_in_a_package(tmp_path, monkeypatch):
    folder = tmp_path / "own_package" / "inner"
    folder.mkdir(parents=True)
    (folder / "methods.py").write_text(textwrap.dedent(OWN))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    assert fusion.load("own_package.inner.methods:Brighter").name == "brighter"


def test_bundled_class_by_path():
    assert fusion.load("fusion.classical.pixelwise:Average").name == "average"


@pytest.mark.parametrize("thing", ["NoMethod", "number"])
def test_what_is_no_fusion_method_is_refused(own, thing):
    with pytest.raises(FusionError, match=f"{own}:{thing} does not derive from fusion.method.FusionMethod"):
        fusion.load(f"{own}:{thing}")


def test_missing_class_is_named(own):
    with pytest.raises(FusionError, match=r"'Missing'.*expected package.module:Class, importable from"):
        fusion.load(f"{own}:Missing")


def test_missing_module_is_named():
    with pytest.raises(FusionError, match="No module named 'no_such_module'"):
        fusion.load("no_such_module:Method")


@pytest.mark.parametrize("path", [":Method", "fusion.method:", ".method:Method", ":"])
def test_incomplete_path_is_refused(path):
    with pytest.raises(FusionError, match=r"expected package\.module:Class"):
        fusion.load(path)


def test_two_methods_cannot_share_a_name(monkeypatch):
    monkeypatch.setattr(registry, "_METHODS", {})

    class First(FusionMethod):
        name = "same"

    class Second(FusionMethod):
        name = "same"

    assert registry.register(First) is First
    with pytest.raises(FusionError, match="two methods are called 'same'"):
        registry.register(Second)


def test_a_run_that_names_no_methods_takes_light_networks_beside_their_twins():
    light = light_names()
    assert {"average", "laplacian", "sdnet", "sdnet+rts", "pmgi", "pmgi+rts"} <= set(light)
    assert not {"rfn_nest", "ddcgan", "fusiongan", "swinfusion", "mgt"} & {name.partition("+")[0] for name in light}
    assert light.index("sdnet+rts") == light.index("sdnet") + 1
    assert {name for name in light if "+" not in name} <= set(default_names())
