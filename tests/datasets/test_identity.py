"""Identity: what of a program counts for the hash of a function or class, shown on a small package of a user's own."""

from __future__ import annotations

import colorsys
import functools
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.identity import code_fingerprint

SOURCES = {
    "mine/__init__.py": "from mine.offered import exported\n",
    "mine/offered.py": "def exported():\n    return 'exported'\n\n\ndef not_exported():\n    return 0\n",
    "mine/main.py": '''
"""The module."""
from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import torch
from torch import nn

import mine.tools
from mine import exported, shapes as forms
from mine.base import Base
from mine.registry import noted, register
from mine.stars import *
from mine.tools import OPERATIONS, decorate, grow as bigger, limit

if TYPE_CHECKING:
    from mine.given import Given

try:
    import no_such_library as fast
except ImportError:
    fast = "slow"

LEVELS = 4  # how many
"""How many."""
UNUSED = 5
WEIGHTS: dict = {"first": 1}
WEIGHTS["second"] = 22
WEIGHTS.update(third=33)
FEW, MANY = 3, 300
if LEVELS > 3:
    CHOSEN = "deep"
else:
    CHOSEN = "flat"
halved = functools.partial(bigger, by=0.5)


def unrelated(image):
    return image * 77


def helper(image, strength=0.25):
    """What helps."""
    return image * strength


def recursive(n):
    return other_way(n - 1) if n else "bottom"


def other_way(n):
    return recursive(n - 1) if n else "reached"


def spelled(image):
    return [helper(part) for part in image]


@dataclass
class Setting:
    """A setting."""

    size: int = 3
    name: str = "a"


class Point(NamedTuple):
    x: int
    y: int = 7


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()

    def forward(self, image):
        return self.inner(image)


class Inner(nn.Module):
    def forward(self, image):
        return image + 1000


@register
@noted("mine", formula="a + b")
class Mine(Base):
    """A class."""

    gain = 9.5
    module = Layer

    @property
    def steps(self):
        return 41

    @classmethod
    def made(cls):
        return cls.kind() + "made"

    @staticmethod
    def kind():
        return "kind"

    @decorate(6)
    def fuse(self, image: Given, size=LEVELS) -> Given:
        """Fuse."""
        # a comment
        from mine.late import finish
        import mine.later

        def nested(part):
            return forms.Circle(part).area() - mine.tools.weight()

        if size > limit():
            found = f"{size} is too large"
            raise ValueError(f"expected less: {found}, found {image.shape}; see {unrelated(image)}") from None
        whole = [nested(part) for part in image if part]
        helper: float = 3
        image = sorted(whole, key=lambda part: -part.real)
        chosen = OPERATIONS["add"](image, WEIGHTS)
        first, second = Point(1), Setting()
        return finish(exported(), chosen, self.scale(), halved(1), spelled(whole), fast, mine.later.end(recursive(3)))

    def state(self):
        with torch.no_grad():
            return starred(CHOSEN, FEW, Point(1), Setting())
''',
    "mine/base.py": """
from mine.far import reach


class Root:
    def root(self):
        return 123


class Base(Root):
    def scale(self):
        return reach(self.gain)
""",
    "mine/far.py": "FAR = 0.125\nNEAR = 3\n\n\ndef reach(gain):\n    return FAR * gain\n",
    "mine/registry.py": """
KNOWN = {}
NOTES = []


def register(cls):
    if cls.__name__ in KNOWN:
        raise ValueError("twice")
    KNOWN[cls.__name__] = cls
    return cls


def noted(key, formula=""):
    def note(cls):
        NOTES.append(cls)
        return cls

    return note
""",
    "mine/shapes.py": """
class Shape:
    def area(self):
        return self.side() ** 2


class Circle(Shape):
    def __init__(self, radius):
        self.radius = radius

    def side(self):
        return self.radius * 1.77


class Square(Shape):
    pass
""",
    "mine/stars.py": "from mine.further_stars import *\n",
    "mine/further_stars.py": "def starred(*parts):\n    return parts, 'star'\n",
    "mine/tools.py": """
import functools
import operator


def weight():
    return 0.75


@functools.lru_cache(maxsize=8)
def grow(value, by=2):
    return value * by


def limit():
    return 99


def add(a, b):
    return operator.add(a, 11)


def subtract(a, b):
    return a - 12


OPERATIONS = {"add": add, "less": subtract}


def decorate(times):
    def wrap(function):
        @functools.wraps(function)
        def wrapped(*given):
            return function(*given) * times

        return wrapped

    return wrap


def idle():
    return 1
""",
    "mine/late.py": "def finish(*parts):\n    return parts[0], 'finished'\n",
    "mine/later.py": "def end(value):\n    return value, 'the end'\n",
    "mine/given.py": """
class Given:
    def real(self):
        return 5


class Elsewhere:
    pass
""",
}


def write(folder: Path, sources: Mapping[str, str]) -> Path:
    for name, text in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """``imported({"file.py": text}, "package.module:name")`` from a folder of its own, as in a new process."""
    count = 0

    def fresh(sources: Mapping[str, str], subject: str = "mine.main:Mine") -> object:
        nonlocal count
        count += 1
        folder = write(tmp_path / f"{count}", sources)
        roots = {Path(name).parts[0].removesuffix(".py") for name in sources}
        for name in [name for name in sys.modules if name.partition(".")[0] in roots]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.syspath_prepend(str(folder))
        module, _, name = subject.partition(":")
        found: object = importlib.import_module(module)
        for part in filter(None, name.split(".")):
            found = getattr(found, part)
        return found

    return fresh


@pytest.fixture
def hashed(imported: Callable[..., object]) -> Callable[..., str]:
    return lambda sources, subject="mine.main:Mine": code_fingerprint(imported(sources, subject))


def edited(file: str, old: str, new: str) -> dict[str, str]:
    text = SOURCES[f"mine/{file}.py"]
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    return SOURCES | {f"mine/{file}.py": text.replace(old, new)}


STAYS = {
    "docstring of the module": ("main", '"""The module."""', '"""Another."""'),
    "docstring of the class": ("main", '"""A class."""', ""),
    "docstring of the method": ("main", '"""Fuse."""', '"""Merge.\n\n        Much longer.\n        """'),
    "docstring of a constant": ("main", '"""How many."""', ""),
    "docstring of a helper": ("main", '"""What helps."""', ""),
    "docstring of a dataclass": ("main", '"""A setting."""', '"""Settings."""'),
    "comment": ("main", "# a comment", "# another comment"),
    "comment beside a constant": ("main", "  # how many", ""),
    "layout": ("main", "return other_way(n - 1) if n", "return (\n        other_way(n-1)) if n"),
    "lines": ("main", "UNUSED = 5", "\n\n\n\nUNUSED = 5"),
    "unrelated function": ("main", "return image * 77", "return image * 78"),
    "unrelated function gone": ("main", "def unrelated(image):\n    return image * 77\n", ""),
    "unrelated constant": ("main", "UNUSED = 5", "UNUSED = 6"),
    "new constant": ("main", "UNUSED = 5", "UNUSED = 5\nNEW = 1"),
    "unrelated class": ("shapes", "class Square(Shape):\n    pass", "class Square(Shape):\n    sides = 4"),
    "unrelated function of a helper's module": ("tools", "def idle():\n    return 1", "def idle():\n    return 2"),
    "unrelated constant of a helper's module": ("far", "NEAR = 3", "NEAR = 4"),
    "what the package offers besides": ("offered", "return 0", "return 1"),
    "words of an error": ("main", "expected less: ", "expected at most 98: "),
    "what an error tells": ("main", "found {image.shape}", "found {image.size}"),
    "whom an error asks": ("main", "see {unrelated(image)}", "see {helper(image)}"),
    "words made for an error": ("main", 'found = f"{size} is too large"', 'found = f"{size} exceeds {len(image)}"'),
    "words of an error in a helper": ("registry", 'ValueError("twice")', 'ValueError("two of them")'),
    "annotation": ("main", "helper: float = 3", "helper: int = 3"),
    "no annotation": ("main", "helper: float = 3", "helper = 3"),
    "annotation of a constant": ("main", "WEIGHTS: dict = ", "WEIGHTS = "),
    "annotation of a field": ("main", "size: int = 3", "size: float = 3"),
    "facts that a registering decorator keeps": ("main", 'formula="a + b"', 'formula="b + a"'),
    "registering decorator": ("registry", "NOTES.append(cls)", "NOTES.insert(0, cls)"),
    "others registered": ("main", "class Layer(nn.Module):", "@register\nclass Layer(nn.Module):"),
    "no longer registered": ("main", "@register\n", ""),
    "further import": ("main", "import torch\n", "import torch\nimport json\n"),
    "name of an import": (
        "main",
        "from mine.tools import OPERATIONS, decorate, grow as bigger, limit",
        "from mine import tools as kit\nfrom mine.tools import OPERATIONS, decorate, limit\n"
        "from mine.tools import grow as bigger",
    ),
    "class that an annotation does not name": ("given", "class Elsewhere:\n    pass", "class Elsewhere:\n    x = 1"),
    "block for the command line": ("main", "UNUSED = 5", 'if __name__ == "__main__":\n    helper(Mine)\nUNUSED = 5'),
}

CHANGES = {
    "body of the method": ("main", "if part]", "if not part]"),
    "constant": ("main", "LEVELS = 4", "LEVELS = 5"),
    "type of a constant": ("main", "LEVELS = 4", "LEVELS = 4.0"),
    "one of two constants": ("main", "FEW, MANY = 3, 300", "FEW, MANY = 2, 300"),
    "condition of a constant": ("main", "if LEVELS > 3:", "if LEVELS > 2:"),
    "constant in a branch": ("main", 'CHOSEN = "flat"', 'CHOSEN = "plain"'),
    "entry set later": ("main", "= 22", "= 23"),
    "entry added by a call": ("main", "third=33", "third=34"),
    "fallback of an import": ("main", 'fast = "slow"', 'fast = "slower"'),
    "helper": ("main", "return image * strength", "return image / strength"),
    "default value": ("main", "strength=0.25", "strength=0.5"),
    "default of a method": ("main", "size=LEVELS", "size=UNUSED"),
    "recursion": ("main", 'else "bottom"', 'else "ground"'),
    "recursion, far side": ("main", 'else "reached"', 'else "missed"'),
    "comprehension": ("main", "[helper(part) for part in image]", "[helper(part) for part in image[1:]]"),
    "nested function": ("main", "- mine.tools.weight()", "+ mine.tools.weight()"),
    "lambda": ("main", "-part.real", "part.real"),
    "module.function": ("tools", "return 0.75", "return 0.5"),
    "decorated with lru_cache": ("tools", "return value * by", "return value + by"),
    "partial": ("main", "by=0.5", "by=0.25"),
    "function in a table": ("tools", "operator.add(a, 11)", "operator.add(a, 13)"),
    "other function in a table": ("tools", "return a - 12", "return a - 13"),
    "other function of a library": ("tools", "operator.add", "operator.sub"),
    "helper in a condition": ("tools", "return 99", "return 98"),
    "argument of a decorator": ("main", "@decorate(6)", "@decorate(7)"),
    "decorator": ("tools", "return function(*given) * times", "return function(*given) + times"),
    "decorator gone": ("main", "    @decorate(6)\n", ""),
    "class attribute": ("main", "gain = 9.5", "gain = 9"),
    "property": ("main", "return 41", "return 42"),
    "property no more": ("main", "    @property\n    def steps", "    def steps"),
    "class method": ("main", 'cls.kind() + "made"', '"made" + cls.kind()'),
    "static method": ("main", 'return "kind"', 'return "sort"'),
    "method of a base class": ("base", "return reach(self.gain)", "return reach(2 * self.gain)"),
    "method of the base's base": ("base", "return 123", "return 124"),
    "bases": ("base", "class Base(Root):", "class Base:"),
    "three modules away": ("far", "FAR = 0.125", "FAR = 0.25"),
    "class made in a nested function": ("shapes", "self.radius * 1.77", "self.radius * 1.78"),
    "base of that class": ("shapes", "self.side() ** 2", "self.side() ** 3"),
    "imported in a function": ("late", "'finished'", "'done'"),
    "module imported in a function": ("later", "'the end'", "'no end'"),
    "offered by the package": ("offered", "return 'exported'", "return 'imported'"),
    "imported with a star": ("further_stars", "'star'", "'moon'"),
    "field of a dataclass": ("main", "size: int = 3", "size: int = 4"),
    "new field of a dataclass": ("main", "size: int = 3", "size: int = 3\n    depth: int = 1"),
    "no field any more": ("main", "size: int = 3", "size: ClassVar[int] = 3"),
    "decorator of a dataclass": ("main", "@dataclass\n", "@dataclass(order=True)\n"),
    "field of a named tuple": ("main", "y: int = 7", "y: int = 8"),
    "order of fields": ("main", "x: int\n", "z: int\n    x: int\n"),
    "submodule of a network": ("main", "return image + 1000", "return image + 1001"),
    "class of a module in a class attribute": ("main", "return self.inner(image)", "return 2 * self.inner(image)"),
    "class that an annotation names": ("given", "return 5", "return 6"),
    "words made with an effect": ("main", 'f"{size} is too large"', 'f"{image.pop()} is too large"'),
    "value that an error carries": (
        "main",
        "    image = sorted",
        "    if not whole:\n            raise KeyError(8)\n        image = sorted",
    ),
    "kind of error": ("main", "raise ValueError(", "raise KeyError("),
    "when there is an error": ("main", "if size > limit():", "if size >= limit():"),
    "same name from elsewhere": ("main", "from mine.base import Base\n", "from mine.shapes import Shape as Base\n"),
}


def test_the_beginning_has_one_hash(hashed: Callable[..., str]) -> None:
    assert hashed(SOURCES) == hashed(SOURCES)


@pytest.mark.parametrize("case", STAYS)
def test_what_does_nothing_leaves_the_hash(hashed: Callable[..., str], case: str) -> None:
    assert hashed(edited(*STAYS[case])) == hashed(SOURCES)


@pytest.mark.parametrize("case", CHANGES)
def test_what_may_do_something_changes_the_hash(hashed: Callable[..., str], case: str) -> None:
    assert hashed(edited(*CHANGES[case])) != hashed(SOURCES)


SUBJECTS = """
import functools
from dataclasses import dataclass
import torch

def strength():
    return 0.25

class Base:
    def far(self):
        return strength() + self.offset

class Mine(Base):
    offset = 16
    def near(self):
        return self.far()
    def other(self):
        return 55
    @property
    def shown(self):
        return self.near()
    @functools.cached_property
    def kept(self):
        return self.near()
    @classmethod
    def made(cls):
        return cls().near()
    @torch.inference_mode()
    def quiet(self):
        return self.near()

@dataclass(frozen=True)
class Setting:
    maker: type
    size: int = 3

def scaled(image, by=strength()):
    return image * by

def twice(function):
    def again(*given):
        return function(function(*given))
    return again

@twice
def hidden(image):
    return image * strength()

cached = functools.lru_cache(scaled)
part = functools.partial(scaled, by=4)
bound = Mine().near
quiet = torch.no_grad()(scaled)
nameless = lambda image: image * strength()
table = {"a": (lambda image: image * strength()), "b": 2}
pair = (scaled, "settings")
setting = Setting(Mine)
made = type("Made", (Mine,), {"more": scaled})
unseen = property(scaled)
"""

KINDS = [
    *("scaled", "Mine", "Mine.near", "Mine.quiet", "Mine.made", "bound", "hidden", "cached", "part", "quiet"),
    *("nameless", "table", "pair", "setting", "made", "unseen"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_of_subjects_reach_what_they_use(hashed: Callable[..., str], kind: str) -> None:
    def of(text: str) -> str:
        return hashed({"subjects.py": text}, f"subjects:{kind}")

    first = of(SUBJECTS)
    assert of(f"# moved down\n\n\n{SUBJECTS}\nunrelated = 3\n") == first
    assert of(SUBJECTS.replace("return 0.25", "return 0.5")) != first


@pytest.mark.parametrize("name", ["shown", "kept"])
def test_properties_are_subjects(imported: Callable[..., object], name: str) -> None:
    def of(text: str) -> str:
        return code_fingerprint(vars(imported({"subjects.py": text}, "subjects:Mine"))[name])

    assert of(SUBJECTS) == of(SUBJECTS.replace("return 55", "return 56"))
    assert of(SUBJECTS) != of(SUBJECTS.replace("return 0.25", "return 0.5"))


@pytest.mark.parametrize(
    ("subject", "old", "new"),
    [
        ("part", "by=4", "by=5"),
        ("bound", "return 55", "return 56"),  # an object counts with its class
        ("setting", "Setting(Mine)", "Setting(Mine, 4)"),
        ("setting", "Setting(Mine)", "Setting(Base)"),
        ("table", '"b": 2', '"b": 3'),
        ("pair", '"settings"', '"others"'),
        ("hidden", "function(function(*given))", "function(*given)"),
        ("made", '"more": scaled', '"more": twice'),
    ],
)
def test_what_a_subject_holds_counts(hashed: Callable[..., str], subject: str, old: str, new: str) -> None:
    changed = SUBJECTS.replace(old, new)
    assert changed != SUBJECTS
    first = hashed({"subjects.py": SUBJECTS}, f"subjects:{subject}")
    assert hashed({"subjects.py": changed}, f"subjects:{subject}") != first


def test_a_method_counts_with_what_it_uses_of_its_class(hashed: Callable[..., str]) -> None:
    def of(text: str) -> str:
        return hashed({"subjects.py": text}, "subjects:Mine.near")

    assert of(SUBJECTS) == of(SUBJECTS.replace("return 55", "return 56"))
    assert of(SUBJECTS) != of(SUBJECTS.replace("offset = 16", "offset = 17"))
    everything = SUBJECTS.replace("return self.far()", "return str(self)")
    assert of(everything) != of(everything.replace("return 55", "return 56"))


def test_the_same_definition_may_stand_anywhere(hashed: Callable[..., str]) -> None:
    together = {"one.py": "def helper():\n    return 4\n\ndef main():\n    return helper() + 1\n"}
    apart = {
        "one.py": "import pack.two as other\n\ndef main():\n    return other.helper() + 1\n",
        "pack/__init__.py": "",
        "pack/two.py": "from .three import nothing as helper\n",
        "pack/three.py": "from .. import pack\n\ndef helper():\n    return 4\nnothing = 1\n".replace(
            "from .. import pack\n", ""
        ),
    }
    moved = apart | {"pack/two.py": "from .three import helper\n"}
    assert hashed(together, "one:main") == hashed(moved, "one:main") != hashed(apart, "one:main")


def test_helpers_of_the_same_name_are_told_apart(hashed: Callable[..., str]) -> None:
    sources = {
        "one.py": "def helper():\n    return 4\n",
        "two.py": "def helper():\n    return 5\n",
        "main.py": "import one, two\n\ndef both():\n    return one.helper() - two.helper()\n",
    }
    swapped = sources | {"main.py": sources["main.py"].replace("import one, two", "import one as two, two as one")}
    assert hashed(sources, "main:both") != hashed(swapped, "main:both")


def test_modules_that_import_each_other_end(hashed: Callable[..., str]) -> None:
    sources = {
        "one.py": "from two import *\nimport two\nVALUE = 1\n\ndef first():\n    return two.second, missing\n",
        "two.py": "from one import *\nimport one\n\ndef second():\n    return one.first, one.VALUE, one.nothing\n",
    }
    first = hashed(sources, "one:first")
    assert hashed(sources | {"one.py": sources["one.py"].replace("VALUE = 1", "VALUE = 2")}, "one:first") != first


def test_a_module_used_as_an_object_counts_as_a_whole(hashed: Callable[..., str]) -> None:
    sources = {
        "one.py": "def hello():\n    return 1\n",
        "main.py": "import one\n\ndef main(name):\n    return getattr(one, name)()\n",
    }
    assert hashed(sources, "main:main") != hashed(sources | {"one.py": "def hello():\n    return 2\n"}, "main:main")
    assert hashed(sources, "one:") != hashed(sources | {"one.py": "def hello():\n    return 2\n"}, "one:")


SETTING = """
import colorsys
import math
colorsys.ONE_THIRD = 0.25

def user():
    return colorsys.hls_to_rgb(1, 1, 1)

def other():
    return math.pi
"""


def test_settings_of_a_library_at_the_top_of_a_module_count_for_its_users(
    hashed: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(colorsys, "ONE_THIRD", colorsys.ONE_THIRD)
    same, changed = {"own.py": SETTING}, {"own.py": SETTING.replace("0.25", "0.125")}
    assert hashed(same, "own:user") != hashed(changed, "own:user")
    assert hashed(same, "own:other") == hashed(changed, "own:other")


def test_functions_registered_for_other_types_count(hashed: Callable[..., str]) -> None:
    text = (
        "from functools import singledispatch\n@singledispatch\ndef size(x):\n    return 0\n"
        "@size.register\ndef _(x: int):\n    return 1\n"
    )
    assert hashed({"own.py": text}, "own:size") != hashed({"own.py": text.replace("return 1", "return 2")}, "own:size")


def test_what_is_imported_later_is_read_and_not_run(hashed: Callable[..., str]) -> None:
    sources = {
        "main.py": "def main():\n    from late import value\n    return value\n",
        "late.py": "value = 1\nraise SystemExit\n",
    }
    first = hashed(sources, "main:main")
    assert "late" not in sys.modules
    assert hashed(sources | {"late.py": "value = 2\nraise SystemExit\n"}, "main:main") != first


def test_a_module_imported_anew_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    write(
        tmp_path,
        {
            "helping.py": "def help():\n    return 1\n",
            "helped.py": "import helping\n\ndef main():\n    return helping.help()\n",
        },
    )
    main = importlib.import_module("helped").main
    helping = importlib.import_module("helping")
    first = code_fingerprint(main)
    write(tmp_path, {"helping.py": "def help():\n    return 2\n"})
    assert code_fingerprint(main) == first  # what runs is the old one
    importlib.reload(helping)
    assert code_fingerprint(main) != first
    write(tmp_path, {"helping.py": "def help():\n    return 1\n"})
    monkeypatch.delitem(sys.modules, "helping")
    importlib.import_module("helping")
    assert code_fingerprint(main) == first
    monkeypatch.delitem(sys.modules, "helping")
    monkeypatch.delitem(sys.modules, "helped")


def in_another_process(folder: Path, subject: str, seed: int) -> str:
    """The hash of a class given as on the command line, in the current folder."""
    code = (
        "import sys; from fusion.loading import _load_class; from datasets.identity import code_fingerprint; "
        f"print(code_fingerprint(_load_class({subject!r})))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_a_class_from_the_command_line_has_one_hash_in_every_process_and_place(tmp_path: Path) -> None:
    own = {
        "own.py": "from fusion import FusionMethod\nfrom own_mixing import mix\n\n"
        "class Own(FusionMethod):\n    names = {'b', 'a', 'c'}\n    def fuse_planes(self, infrared, visible):\n"
        "        return mix(infrared, visible)\n",
        "own_mixing.py": "def mix(a, b):\n    return (a + b) / 2\n",
    }
    other = own | {"own_mixing.py": "def mix(a, b):\n    return (a + b) / 3\n"}
    here, there, changed = (
        write(tmp_path / name, sources) for name, sources in zip("abc", (own, own, other), strict=True)
    )
    first = in_another_process(here, "own:Own", seed=0)
    assert in_another_process(there, "own:Own", seed=1) == first
    assert in_another_process(changed, "own:Own", seed=0) != first


@pytest.mark.parametrize(
    "subject",
    [len, np.sin, np.array, torch.relu, torch.nn.functional.relu, torch.nn.Conv2d, os.path.join, 3, "a", None],
)
def test_installed_code_counts_by_its_name(subject: object) -> None:
    assert code_fingerprint(subject) == code_fingerprint(subject)
    assert code_fingerprint(subject) != code_fingerprint(torch.nn.functional.gelu)


def test_code_without_source_counts_by_its_name() -> None:
    first, second = ({"__name__": "nowhere"} for _ in range(2))
    exec("def f():\n    return 1\n\ndef g():\n    return 1\n", first)
    exec("def f():\n    return 1\n", second)
    assert code_fingerprint(first["f"]) == code_fingerprint(second["f"]) != code_fingerprint(first["g"])


def test_what_holds_itself_ends() -> None:
    around: list[object] = [1]
    around.append(around)
    assert code_fingerprint(around) == code_fingerprint(around)
    assert code_fingerprint({3, 1, 2}) == code_fingerprint({2, 3, 1})


@dataclass(frozen=True)
class Local:
    size: int


def test_instances_of_dataclasses_count_with_their_values() -> None:
    assert code_fingerprint(Local(1)) == code_fingerprint(Local(1)) != code_fingerprint(Local(2))
    assert code_fingerprint(functools.partial(Local, 1)) != code_fingerprint(functools.partial(Local, 2))
