"""Identity of this project's own methods and metrics: in a copy of its code that is edited, and of whatever runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from benchmark.metrics import get
from benchmark.metrics import names as metric_names
from datasets.identity import reached
from datasets.identity.definitions import PROJECT, Definition, find_module, resolve
from datasets.images import luminance, read_image, to_float, to_uint8, write_png
from datasets.pairs import Pair, pair_folders
from datasets.synthetic import suite
from fusion.loading import default_names, load
from fusion.reference.enhance import GUARDS, enhance
from fusion.reference.filter import Rule, _code, _keys, choose

PYRAMIDS, INFORMATION, REGISTRY = (
    "fusion/classical/pyramids.py",
    "benchmark/metrics/information.py",
    "fusion/registry.py",
)
METRICS, PICTURE, IMAGES = "benchmark/metrics/registry.py", "benchmark/metrics/picture.py", "datasets/images.py"
Edit = tuple[str, str, str]

EDITS: dict[str, tuple[set[str], list[Edit]]] = {
    "nothing": (set(), []),
    "docstrings and comments": (
        set(),
        [
            (PYRAMIDS, '"""EXPAND: ', '"""Make larger: '),
            (PYRAMIDS, "# Not cv2.pyrUp", "# Never cv2.pyrUp"),
            (PYRAMIDS, '"""Burt and Adelson\'s generating kernel', '"""The generating kernel'),
            (INFORMATION, '"""Share of each pair', '"""The share of each pair'),
            (REGISTRY, '"""Registry: ', '"""The registry: '),
            (METRICS, '"""Keys of all metrics', '"""The keys of all metrics'),
            ("fusion/method.py", '"""Move what the method holds', '"""Carry what the method holds'),
        ],
    ),
    "code of another method": (
        {"rolp"},
        [
            (PYRAMIDS, "image = ratio * expand(image, ratio.shape)", "image = expand(image, ratio.shape) * ratio"),
            (PYRAMIDS, "offset = 1.0", "offset = 2.0"),
            (REGISTRY, "_METHODS[cls.name] = cls\n", "_METHODS.setdefault(cls.name, cls)\n"),
            (REGISTRY, "VARIANTS = {", 'MORE_VARIANTS = {"a": "b"}\nVARIANTS = {'),
            (METRICS, '"core": ("en", "sd",', '"small": ("en",),\n    "core": ("en", "sd",'),
            (METRICS, '"↑" if self.better', '"^" if self.better'),
            (
                "fusion/contact_sheet.py",
                "def contact_sheet(",
                "def other_sheet() -> int:\n    return 1\n\n\ndef contact_sheet(",
            ),
        ],
    ),
    "words of errors and facts of metrics": (
        set(),
        [
            ("fusion/method.py", "the sources differ in size: ", "sources of two sizes: "),
            ("fusion/method.py", "expected infrared [B, 1, H, W]", "wanted infrared [B, 1, H, W]"),
            (PICTURE, "expected uint8 [B, 1, H, W]", "wanted uint8 [B, 1, H, W]"),
            (METRICS, " pixels a side, the images are ", " pixels, the images are "),
            (INFORMATION, 'formula="MI = I(A;F) + I(B;F),', 'formula="MI = I(B;F) + I(A;F),'),
        ],
    ),
    "a constant of one method": (
        {"laplacian", "rolp"},
        [(PYRAMIDS, "np.array([1, 4, 6, 4, 1]) / 16", "np.array([1, 2, 1]) / 4")],
    ),
    "a helper of one method": (
        {"laplacian"},
        [(PYRAMIDS, "image = detail + expand(image, detail.shape)", "image = detail")],
    ),
    "a constant two modules away": (
        {"laplacian", "rolp"},
        [("fusion/classical/multiscale.py", "LEVELS = 4", "LEVELS = 5")],
    ),
    "the base class of all methods": (
        {"average", "laplacian", "rolp", "sdnet"},
        [("fusion/method.py", "return fused.clamp(0, 1)", "return fused.clamp(0, 0.5)")],
    ),
    "rounding": ({"average", "laplacian", "rolp", "sdnet"}, [(IMAGES, "* 255).round()", "* 255).floor()")]),
    "a layer of a network": (
        {"sdnet"},
        [("fusion/networks/sdnet.py", "(torch.cat(maps, 1)), 0.2)", "(torch.cat(maps, 1)), 0.1)")],
    ),
    "a helper of metrics": (
        {"mi", "mi@nats"},
        [(INFORMATION, "(first.levels.int() * 256 + second.levels)", "(second.levels.int() * 256 + first.levels)")],
    ),
    "a helper of a helper": (
        {"en", "mi", "mi@nats"},
        [(INFORMATION, "return -torch.special.xlogy", "return torch.special.xlogy")],
    ),
    "a metric that another one calls": (
        {"mi", "mi@nats"},
        [
            (
                INFORMATION,
                "(infrared, fused) + mutual_information_bits(visible",
                "(infrared, fused) - mutual_information_bits(visible",
            )
        ],
    ),
    "when a value is a convention": (
        {"mi", "mi@nats"},
        [(INFORMATION, "return is_constant(infrared) | is_constant(visible)", "return is_constant(infrared)")],
    ),
    "conventions of all metrics": (
        {"en", "mi", "mi@nats", "psnr"},
        [(METRICS, "visible, fused: is_constant(fused)", "visible, fused: is_constant(visible)")],
    ),
    "how fused files are read": (
        {"en", "mi", "mi@nats", "psnr"},
        [(IMAGES, 'picture = picture.convert("RGB")', 'picture = picture.convert("L")')],
    ),
    "grey of colour": ({"en", "mi", "mi@nats", "psnr"}, [(IMAGES, "(299 * red", "(300 * red")]),
}

IN_COPY = """
import contextlib, importlib, io, json, sys
from pathlib import Path

root, edits, command = Path.cwd(), *json.load(sys.stdin)
sys.dont_write_bytecode = True

def fresh():
    for name in [name for name in sys.modules if name.partition(".")[0] in PROJECT]:
        del sys.modules[name]
    importlib.invalidate_caches()

def hashes():
    registry, runner = map(importlib.import_module, ("fusion.registry", "benchmark.runner"))
    methods = {name: registry.load(name).fingerprint() for name in ("laplacian", "rolp", "average")}
    methods["sdnet"] = registry.network_class("sdnet").untrained().fingerprint()
    return methods | {key: runner.metric_code(key) for key in ("en", "mi", "mi@nats", "psnr")}

def run():
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        importlib.import_module("benchmark.cli").main(command)
    return printed.getvalue()

found = {}
for name, changes in edits.items():
    before = {file: (root / file).read_text() for file, _, _ in changes}
    for file, old, new in changes:
        text = (root / file).read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        (root / file).write_text(text.replace(old, new))
    fresh()
    found[name] = run() if command else hashes()
    for file, text in before.items():
        (root / file).write_text(text)
print(json.dumps(found))
""".replace("PROJECT", repr(PROJECT))


@pytest.fixture(scope="module")
def in_copy(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """``in_copy(edits)``: hashes of methods and metrics by edit, in a copy of this project's code."""
    root, copy = Path(__file__).parents[2], tmp_path_factory.mktemp("copy")
    for package in PROJECT:
        for file in (root / package).rglob("*.py"):
            target = copy / file.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)

    def ask(edits: dict[str, list[Edit]], *command: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-c", IN_COPY],
            input=json.dumps([edits, command]),
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return ask


@pytest.fixture(scope="module")
def hashes(in_copy: Callable[..., dict[str, Any]]) -> dict[str, dict[str, str]]:
    return in_copy({name: edits for name, (_, edits) in EDITS.items()})


@pytest.mark.parametrize("edit", EDITS)
def test_edits_of_the_project_change_the_hashes_that_they_concern(hashes: dict[str, dict[str, str]], edit: str) -> None:
    first, found = hashes["nothing"], hashes[edit]
    assert {name for name, value in found.items() if value != first[name]} == EDITS[edit][0]


def test_words_cost_no_run_and_a_constant_does(in_copy: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    for number in range(2):
        for band in ("infrared", "visible"):
            write_png(tmp_path / band / f"{number}.png", to_uint8(picture(number, 1, 48))[0])
    command = ["run", "--infrared", str(tmp_path / "infrared"), "--visible", str(tmp_path / "visible"), "--jobs", "1"]
    command += ["--out", str(tmp_path / "run"), "--method", "laplacian", "--metrics", "en", "--metrics", "mi"]
    wanted = ("nothing", "docstrings and comments", "code of another method", "words of errors and facts of metrics")
    steps = {name: EDITS[name][1] for name in (*wanted, "a constant two modules away")}
    done = {name: printed.splitlines()[-1] for name, printed in in_copy(steps, *command).items()}
    assert done.pop("nothing").startswith("2 fused images done now, 0 still valid from before")
    assert done.pop("a constant two modules away").startswith("2 fused images done now, 0 still valid from before")
    assert len(done) == 3
    for printed in done.values():
        assert printed.startswith("0 fused images done now, 2 still valid from before")


def picture(seed: int, channels: int, side: int) -> Tensor:
    """A smooth random picture, ``float32 [1, C, H, W]``."""
    coarse = torch.rand(1, channels, 6, 6, generator=torch.Generator().manual_seed(seed))
    return interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1)


def test_whatever_a_method_runs_is_in_its_identity() -> None:
    for name in default_names():
        method = load(name)
        infrared, visible = picture(1, 1, 64), picture(2, 3, 64)
        assert_reached((type(method), to_float, to_uint8), partial(method.fuse, infrared, visible), name)


def test_whatever_a_metric_runs_is_in_its_identity() -> None:
    pictures = [to_uint8(picture(seed, 1, 192)) for seed in range(3)]
    black = torch.zeros_like(pictures[0])
    for key in metric_names():
        metric = get(key)
        for images in (pictures, [black] * 3):
            assert_reached(metric.code, partial(metric, *images), key)


def test_whatever_makes_references_is_in_their_identity() -> None:
    infrared, visible = (to_uint8(picture(seed, 1, 64))[0] for seed in (1, 2))
    candidates = {"mean": infrared // 2 + visible // 2, "maximum": torch.maximum(infrared, visible), "one": visible}
    codes = [_code(key) for key in _keys(["mse"])]
    for rule in map(Rule, ("auto", "random", "best", "metric:mse")):
        assert_reached((choose, *codes), partial(choose, rule, "a", infrared, visible, candidates), rule.name)
    codes = [_code(key) for key in (*_keys([]), *GUARDS)]
    for kind in ("none", "published", "adaptive"):
        assert_reached((enhance, *codes), partial(enhance, kind, infrared, visible, [*candidates.values()]), kind)


def test_whatever_renders_is_in_the_identity_of_a_suite(tmp_path: Path) -> None:
    subject = suite.pair_items, suite.sequence_items, suite.render_item, suite.write_pair

    def render() -> None:
        items = [*suite.pair_items(("day", "night", "rain"), 3, 0), *suite.sequence_items("dusk", 1, 0)]
        for item in items:
            suite.write_pair(tmp_path, item, suite.render_item(item, (80, 60)))

    suite.forget()
    assert_reached(subject, render, "suite")


def test_whatever_reads_a_pair_is_in_its_identity(tmp_path: Path) -> None:
    for band, channels in (("infrared", 1), ("visible", 3)):
        write_png(tmp_path / band / "a.png", to_uint8(picture(1, channels, 32))[0])
    (pair,) = pair_folders(tmp_path / "infrared", tmp_path / "visible")
    assert_reached((Pair.read, type(pair.infrared)), pair.read, "pair")
    assert_reached((read_image, luminance), lambda: luminance(read_image(tmp_path / "visible" / "a.png")), "file")


def assert_reached(subject: object, act: Callable[[], object], name: str) -> None:
    """That every function of this project that runs belongs to a definition that the subject reaches."""
    ran: set[tuple[str, CodeType]] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        module = str(frame.f_globals.get("__name__", ""))
        if event == "call" and module.partition(".")[0] in PROJECT:
            ran.add((module, frame.f_code))

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    found = reached(subject)
    places = {(part.module.name, id(node)) for part in found for node in (part.node, part.home and part.home.node)}
    missing = {f"{module}.{code.co_qualname}" for module, code in ran if not is_among(places, found, module, code)}
    assert ran and not missing, f"{name}: {sorted(missing)}"


def is_among(places: set[tuple[str, int]], found: list[Definition], module_name: str, code: CodeType) -> bool:
    module, root, line = find_module(module_name), code.co_qualname.partition(".")[0], code.co_firstlineno
    assert module is not None
    if root == "__create_fn__":  # what `dataclass` makes
        return True
    if root == "<lambda>":  # in a constant or a decorator
        nodes = [part.node for part in found if part.module is module and hasattr(part.node, "lineno")]
        return any(node.lineno <= line <= node.end_lineno for node in nodes)
    definitions = [definition for definition, _ in resolve(module.lookup(root)) if definition]
    return any((part.module.name, id(part.node)) in places for part in definitions)
