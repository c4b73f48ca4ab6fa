"""Identity: what of a program counts for the hash of a function or class, shown on a small package of a user's own."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest
import torch

from ivif.datasets.identity import code_fingerprint

Hashed = Callable[..., str]

SOURCES = {
    "mine/__init__.py": "from mine.tools import exported\n",
    "mine/main.py": '''
"""The module, 900."""
from __future__ import annotations
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from torch import nn
import mine.tools
from mine import exported, shapes as forms
from mine.shapes import Base
from mine.registry import metric, register
from mine.tools import OPERATIONS, decorate, grow as bigger, limit
if TYPE_CHECKING:
    from mine.given import Given
try:
    import no_such_library as fast
except ImportError:
    fast = "slow 100"
LEVELS = 101  # 901
"""How many, 902."""
UNUSED = 903
WEIGHTS: dict = {"first": 102}
WEIGHTS["second"] = 103
WEIGHTS |= {"third": 104}
WEIGHTS.update(fourth=105)
FEW, MANY = 106, 107
if LEVELS > 108:
    CHOSEN = "deep 109"
else:
    CHOSEN = "flat 110"
halved = functools.partial(bigger, by=111)
def unrelated(image): return image * 904
def helper(image, strength=112):
    """What helps, 905."""
    return image * strength * 113
def recursive(n): return other_way(n - 114) if n else "bottom"
def other_way(n): return recursive(n - 115) if n else "reached"
@dataclass
class Setting:
    """A setting, 906."""
    size: int = 116
    name: str = "a"
class Point(NamedTuple):
    x: int
    y: int = 117
class Layer(nn.Module):
    def __init__(self):
        self.inner = Inner()
class Inner(nn.Module):
    def forward(self, image): return image + 118
@register
@metric("mine", formula="907")
class Mine(Base):
    """A class, 908."""
    gain = 119
    module = Layer
    @property
    def steps(self): return 120
    @decorate(121)
    def fuse(self, image: Given, size=LEVELS) -> Given:
        """Fuse, 909."""
        # a comment, 910
        from mine.late import finish
        import mine.later
        def nested(part): return forms.Circle(part).area() - mine.tools.weight()
        if size > limit():
            raise ValueError(f"expected less than 911, found {image.shape}; see {unrelated(image)}") from None
        local: float = 122
        whole = [nested(helper(part)) for part in image if part]
        image = sorted(whole, key=lambda part: -part.real * 123)
        chosen = OPERATIONS["add"](image, WEIGHTS, CHOSEN, FEW, Point(1), Setting())
        return finish(exported(), chosen, self.scale(), halved(1), fast, mine.later.end(recursive(124)))
''',
    "mine/registry.py": """
KNOWN = {}
def register(cls):
    KNOWN[cls.__name__] = cls, 912
    return cls
def metric(key, formula="913"): return register
""",
    "mine/shapes.py": """
FAR = 125
class Base:
    def scale(self): return FAR * self.gain * 126
class Shape:
    def area(self): return self.side() * 127
class Circle(Shape):
    def side(self): return self.radius * 128
class Square(Shape): sides = 914
""",
    "mine/tools.py": """
import functools
import operator
def exported(): return 129
def weight(size=130):
    assert size > 131, "not above 915"
    return 132
@functools.lru_cache(maxsize=133)
def grow(value, by=2): return value * by * 134
def limit(): return 135
def add(a, b): return operator.add(a, 136)
OPERATIONS = {"add": add, "less": lambda a, b: a - 137}
def decorate(times):
    def wrap(function):
        @functools.wraps(function)
        def wrapped(*given):
            return function(*given) * times + 138
        return wrapped
    return wrap
""",
    "mine/late.py": "def finish(*parts):\n    return parts, 139\n",
    "mine/later.py": "def end(value):\n    return value, 140\n",
    "mine/given.py": "class Given:\n    real = 141\n\nclass Elsewhere:\n    real = 916\n",
}
"""A package of a user's own. Numbers from 900 on stand where they decide nothing about `Mine`."""

NUMBERS = sorted({number for text in SOURCES.values() for number in re.findall(r"\b\d{3}\b", text)})


def write(folder: Path, sources: Mapping[str, str]) -> Path:
    for name, text in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hashed:
    """``hashed({"file.py": text}, "package.module:name")``, read from a folder of its own, as in a new process."""
    folders = (tmp_path / f"{number}" for number in range(99))

    def fresh(sources: Mapping[str, str], subject: str = "mine.main:Mine") -> str:
        monkeypatch.syspath_prepend(str(write(next(folders), sources)))
        roots = {Path(name).parts[0].removesuffix(".py") for name in sources}
        for name in [name for name in sys.modules if name.partition(".")[0] in roots]:
            monkeypatch.delitem(sys.modules, name)
        module, _, name = subject.partition(":")
        return code_fingerprint(attrgetter(name)(importlib.import_module(module)))

    return fresh


def edited(file: str, old: str, new: str) -> dict[str, str]:
    text = SOURCES[f"mine/{file}.py"]
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    return SOURCES | {f"mine/{file}.py": text.replace(old, new)}


STAYS = {
    "docstring gone": ("main", '"""A class, 908."""', ""),
    "layout": ("main", "return other_way(n - 114) if n", "return (\n        other_way(n-114)) if n"),
    "unrelated function gone": ("main", "def unrelated(image): return image * 904\n", ""),
    "new constant": ("main", "UNUSED = 903", "NEW = 1"),
    "whom an error asks": ("main", "see {unrelated(image)}", "see {helper(image)}"),
    "annotation": ("main", "local: float = 122", "local: int = 122"),
    "annotation of a parameter": ("main", "helper(image, strength=", "helper(image: nn.Module, strength: float ="),
    "annotation of a field": ("main", "size: int = 116", "size: float = 116"),
    "others registered": ("main", "class Layer(nn.Module):", "@register\nclass Layer(nn.Module):"),
    "further import": ("main", "import mine.tools\n", "import mine.tools\nimport json\n"),
    "block for the command line": ("main", "UNUSED = 903", 'if __name__ == "__main__":\n    helper(Mine)'),
}

CHANGES = {
    "condition": ("main", "if part]", "if not part]"),
    "type of a constant": ("main", "LEVELS = 101", "LEVELS = 101.0"),
    "default value": ("main", "size=LEVELS", "size=UNUSED"),
    "operator in a nested function": ("main", "- mine.tools.weight()", "+ mine.tools.weight()"),
    "other library of the same name": ("tools", "import operator", "import math as operator"),
    "property no more": ("main", "    @property\n    def steps", "    def steps"),
    "no field any more": ("main", "size: int = 116", "size: ClassVar[int] = 116"),
    "decorator of a dataclass": ("main", "@dataclass\n", "@dataclass(order=True)\n"),
    "kind of error": ("main", "raise ValueError(", "raise KeyError("),
    "when there is an error": ("main", "if size > limit():", "if size >= limit():"),
    "same name from elsewhere": ("main", "from mine.shapes import Base\n", "from mine.shapes import Shape as Base\n"),
}


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_count_where_they_decide_something(hashed: Hashed, number: str) -> None:
    changed = {name: text.replace(number, f"{number}1") for name, text in SOURCES.items()}
    assert (hashed(changed) == hashed(SOURCES)) == (number >= "900")


@pytest.mark.parametrize("case", STAYS)
def test_what_does_nothing_leaves_the_hash(hashed: Hashed, case: str) -> None:
    assert hashed(edited(*STAYS[case])) == hashed(SOURCES)


@pytest.mark.parametrize("case", CHANGES)
def test_what_may_do_something_changes_the_hash(hashed: Hashed, case: str) -> None:
    assert hashed(edited(*CHANGES[case])) != hashed(SOURCES)


SUBJECTS = """
import functools
from dataclasses import dataclass
import torch
def strength(): return 0.25
class Base:
    def far(self): return strength() + self.offset
class Mine(Base):
    offset = 16
    def near(self): return self.far()
    @property
    def shown(self): return self.near()
    @functools.cached_property
    def kept(self): return self.near()
    @classmethod
    def made(cls): return cls().near()
@dataclass(frozen=True)
class Setting:
    maker: type
    size: int = 3
def scaled(image, by=strength()): return image * by
def twice(function): return lambda *given: function(function(*given))
@twice
def hidden(image): return image * strength()
cached = functools.lru_cache(scaled)
part = functools.partial(scaled, by=4)
bound = Mine().near
quiet = torch.no_grad()(scaled)
nameless = lambda image: image * strength()
table = {"a": (lambda image: image * strength()), "b": 2}
pair = (scaled, "settings")
setting = Setting(Mine)
shown, kept = vars(Mine)["shown"], vars(Mine)["kept"]
made = type("Made", (Mine,), {"more": scaled})
"""
KINDS = ("scaled", "Mine", "Mine.near", "Mine.made", "bound", "hidden", "cached", "part", "quiet", "nameless", "table")
KINDS += ("pair", "setting", "shown", "kept")


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_of_subjects_reach_what_they_use(hashed: Hashed, kind: str) -> None:
    def of(text: str) -> str:
        return hashed({"subjects.py": text}, f"subjects:{kind}")

    first = of(SUBJECTS)
    assert of(f"# moved down\n\n\n{SUBJECTS}\nunrelated = 3\n") == first
    assert of(SUBJECTS.replace("return 0.25", "return 0.5")) != first


@pytest.mark.parametrize(
    ("subject", "old", "new"),
    [
        ("part", "by=4", "by=5"),
        ("bound", "offset = 16", "offset = 17"),  # an object counts with its class, and that as a whole
        ("setting", "Setting(Mine)", "Setting(Mine, 4)"),
        ("setting", "Setting(Mine)", "Setting(Base)"),
        ("table", '"b": 2', '"b": 3'),
        ("pair", '"settings"', '"others"'),
        ("hidden", "function(function(*given))", "function(*given)"),
        ("made", '"more": scaled', '"more": twice'),
    ],
)
def test_what_a_subject_holds_counts(hashed: Hashed, subject: str, old: str, new: str) -> None:
    assert SUBJECTS.count(old) == 1
    first = hashed({"subjects.py": SUBJECTS}, f"subjects:{subject}")
    assert hashed({"subjects.py": SUBJECTS.replace(old, new)}, f"subjects:{subject}") != first


def test_members_of_a_class_and_helpers_of_the_same_name_are_told_apart(hashed: Hashed) -> None:
    near, made = (hashed({"subjects.py": SUBJECTS}, f"subjects:Mine.{name}") for name in ("near", "made"))
    sources = {f"{name}.py": f"def helper(): return '{name}'\n" for name in ("one", "two")}
    main = "\ndef both(): return one.helper() - two.helper()\n"
    first, swapped = (
        hashed(sources | {"main.py": f"import {imported}{main}"}, "main:both")
        for imported in ("one, two", "one as two, two as one")
    )
    assert near != made and first != swapped


def test_the_same_definition_may_stand_anywhere(hashed: Hashed) -> None:
    main, helper = "\ndef main(): return helper() + 1\n", "def helper(): return 4\n"
    apart = {"one.py": f"from pack.two import helper{main}", "pack/three.py": f"{helper}nothing = 1\n"}
    same = apart | {"pack/two.py": "from .three import helper\n"}
    other = apart | {"pack/two.py": "from .three import nothing as helper\n"}
    assert hashed({"one.py": helper + main}, "one:main") == hashed(same, "one:main") != hashed(other, "one:main")


def test_names_are_followed_where_they_are_global(hashed: Hashed) -> None:
    def changes(body: str, parameters: str = "") -> bool:
        text = f"def main({parameters}):\n    {body}\n"
        return len({hashed({"own.py": f"size = {value}\n{text}"}, "own:main") for value in (1, 2)}) > 1

    inner = "inner = lambda size: size; return inner"
    assert not changes(inner) and not changes("size = 3; return size") and not changes("return size", "size")
    assert changes(f"{inner}(size)") and changes("global size; size += 1") and changes("return size", "size=size")


@pytest.mark.parametrize(
    "call", ["from one import *: hello()", "import one: getattr(one, x)()", "import one: one.hello()"]
)
def test_star_imports_and_modules_as_objects_are_followed(hashed: Hashed, call: str) -> None:
    statement, _, call = call.partition(": ")
    main = {"main.py": f"{statement}\ndef main(x): return {call}\n", "one.py": "import main\nfrom two import *\n"}
    first, second = (main | {"two.py": f"import one\ndef hello(): return {value}\n"} for value in (1, 2))
    assert hashed(first, "main:main") != hashed(second, "main:main")


def test_what_is_imported_later_is_read_and_not_run(hashed: Hashed) -> None:
    main = {"main.py": "def main():\n    from late import value\n    return value\n"}
    first = hashed(main | {"late.py": "value = 1\nraise SystemExit\n"}, "main:main")
    assert "late" not in sys.modules
    assert hashed(main | {"late.py": "value = 2\nraise SystemExit\n"}, "main:main") != first


def test_an_edited_module_is_read_anew_when_it_is_reloaded(hashed: Hashed, tmp_path: Path) -> None:
    sources = {
        "helped.py": "import helping\ndef main(): return helping.help()\n",
        "helping.py": "def help(): return 1\n",
    }
    first = hashed(sources, "helped:main")
    write(tmp_path / "0", {"helping.py": "def help(): return 22\n"})
    assert code_fingerprint(sys.modules["helped"].main) == first, "what runs is the old one"
    importlib.reload(sys.modules["helping"])
    assert code_fingerprint(sys.modules["helped"].main) != first


OWN = """
from ivif.fusion import FusionMethod
from own_mixing import mix
class Own(FusionMethod):
    name, names = "own", {'b', 'a', 'c'}
    def fuse_planes(self, infrared, visible): return mix(infrared, visible)
"""


def test_a_class_from_the_command_line_has_one_hash_in_every_process_and_place(tmp_path: Path) -> None:
    hashes = []
    for seed, share in enumerate((2, 2, 3)):
        mixing = f"def mix(a, b): return (a + b) / {share}\n"
        folder = write(tmp_path / f"{seed}", {"own.py": OWN, "own_mixing.py": mixing})
        command = [sys.executable, "-c", "from fusion.loading import load; print(load('own:Own').fingerprint())"]
        environment = {**os.environ, "PYTHONHASHSEED": f"{seed}", "PYTHONPATH": str(Path(__file__).parents[2])}
        hashes.append(subprocess.check_output(command, cwd=folder, env=environment))
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("subject", [len, np.sin, np.array, torch.relu, torch.nn.Conv2d, os.path.join, 3, "a", None])
def test_installed_code_and_plain_values_count_by_their_names(subject: object) -> None:
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


def test_what_an_installer_put_anywhere_counts_by_its_name_and_own_code_beside_it_does_not(tmp_path: Path) -> None:
    """As with ``pip install --target``, and a module of one's own in the same folder."""
    record = "toolbox/__init__.py,,\ntoolbox-1.0.dist-info/METADATA,,\ntoolbox-1.0.dist-info/RECORD,,\n"
    files = {"METADATA": "Metadata-Version: 2.1\nName: toolbox\nVersion: 1.0\n", "RECORD": record}
    write(tmp_path / "toolbox-1.0.dist-info", files)
    code = "import toolbox, mine\nfrom ivif.datasets.identity import code_fingerprint as f\n"
    code += "print(f(toolbox.tool), f(mine.tool))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(Path(__file__).parents[2]), str(tmp_path)))}
    hashes = []
    for number in (1, 2):
        write(tmp_path / "toolbox", {"__init__.py": f"def tool(): return {number}\n"})
        write(tmp_path, {"mine.py": f"def tool(): return {number}\n"})
        hashes.append(subprocess.check_output([sys.executable, "-B", "-c", code], env=environment, text=True).split())
    (theirs, own), (theirs_again, own_again) = hashes
    assert theirs == theirs_again and own != own_again


def test_a_description_that_a_build_left_beside_sources_makes_them_no_installed_code(tmp_path: Path) -> None:
    """As after ``pip install -e .``, whose ``egg-info`` lies in the folder in which one works."""
    write(tmp_path / "mine.egg-info", {"PKG-INFO": "Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n"})
    write(tmp_path / "mine.egg-info", {"top_level.txt": "mine\n", "SOURCES.txt": "mine.py\n"})
    code = "import mine\nfrom ivif.datasets.identity import code_fingerprint as f\nprint(f(mine.tool))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(Path(__file__).parents[2])))}
    hashes = []
    for number in (1, 2):
        write(tmp_path, {"mine.py": f"def tool(): return {number}\n"})
        hashes.append(subprocess.check_output([sys.executable, "-B", "-c", code], env=environment, text=True))
    assert hashes[0] != hashes[1]
