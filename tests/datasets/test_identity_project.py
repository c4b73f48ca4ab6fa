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
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ivif.benchmark.metrics import get, metric_names
from ivif.datasets.identity import PROJECT
from ivif.datasets.images import luminance, read_image, to_float, to_uint8, write_png
from ivif.datasets.pairs import Pair, pair_folders
from ivif.fusion.loading import default_names, load
from ivif.fusion.reference.enhance import GUARDS, enhance
from ivif.fusion.reference.filter import NO_REGRET, Rule, _code, _keys, choose

AssertReached = Callable[[object, Callable[[], object], str], None]

PYRAMIDS, INFORMATION = "fusion/classical/pyramids.py", "benchmark/metrics/information.py"
METRICS, METHOD, IMAGES = "benchmark/metrics/registry.py", "fusion/method.py", "datasets/images.py"
DECODING = "datasets/decoding.py"
REGISTRY, LOADING = "fusion/registry.py", "fusion/loading.py"
WORDS = [
    (PYRAMIDS, '"""EXPAND: ', '"""Make larger: '),
    (PYRAMIDS, "# Not cv2.pyrUp", "# Never cv2.pyrUp"),
    (PYRAMIDS, '"""Burt and Adelson\'s generating kernel', '"""The generating kernel'),
    (INFORMATION, '"""Share of each pair', '"""The share of each pair'),
    (INFORMATION, 'formula="MI = I(A;F) + I(B;F),', 'formula="MI = I(B;F) + I(A;F),'),
    (METRICS, '"""Keys of all metrics', '"""The keys of all metrics'),
    (METRICS, " pixels a side, the images are ", " pixels, the images are "),
    (METRICS, '"core": ("en", "sd",', '"small": ("en",),\n    "core": ("en", "sd",'),
    (METHOD, '"""Move what the method holds', '"""Carry what the method holds'),
    (METHOD, "the sources differ in size: ", "sources of two sizes: "),
    (REGISTRY, '"""Registry: ', '"""The registry: '),
    (REGISTRY, "two methods are called", "two methods have the name"),
    (REGISTRY, "_METHODS[cls.name] = cls\n", "_METHODS.setdefault(cls.name, cls)\n"),
    (LOADING, '"""What a run takes', '"""What any run takes'),
    (LOADING, "no network {name!r}; there are", "no network {name!r}, only"),
    (LOADING, "def names(", "def other_names() -> int:\n    return 1\n\n\ndef names("),
]
"""Docstrings, comments, errors, facts of metrics, and code that no result depends on."""

CODE = [
    ("rolp", PYRAMIDS, "offset = 1.0", "offset = 2.0"),
    ("laplacian rolp", PYRAMIDS, "np.array([1, 4, 6, 4, 1]) / 16", "np.array([1, 2, 1]) / 4"),
    ("laplacian rolp", "fusion/classical/multiscale.py", "LEVELS = 4", "LEVELS = 5"),
    ("laplacian", PYRAMIDS, "image = detail + expand_level(image, detail.shape)", "image = detail"),
    ("average laplacian rolp sdnet", METHOD, "return fused.clamp(0, 1)", "return fused.clamp(0, 0.5)"),
    ("average laplacian rolp sdnet", IMAGES, "* 255).round()", "* 255).floor()"),
    ("sdnet", "fusion/networks/sdnet.py", "(torch.cat(maps, 1)), 0.2)", "(torch.cat(maps, 1)), 0.1)"),
    ("mi mi@nats", INFORMATION, "(first.levels.int() * 256 + second", "(first.levels.int() * 255 + second"),
    ("en mi mi@nats", INFORMATION, "return -torch.special.xlogy", "return torch.special.xlogy"),
    ("mi mi@nats", INFORMATION, "return is_constant(infrared) | is_constant(visible)", "return is_constant(infrared)"),
    ("en mi mi@nats psnr", METRICS, "visible, fused: is_constant(fused)", "visible, fused: is_constant(visible)"),
    ("en mi mi@nats psnr", DECODING, 'picture = picture.convert("RGB")', 'picture = picture.convert("L")'),
]
"""Whose results each edit decides."""

IN_COPY = """
import contextlib, importlib, io, json, sys
from pathlib import Path

edits, command = json.load(sys.stdin)
sys.dont_write_bytecode = True

def hashes():
    loading, runner = map(importlib.import_module, ("ivif.fusion.loading", "ivif.benchmark.running.runner"))
    methods = {name: loading.load(name).fingerprint() for name in ("laplacian", "rolp", "average")}
    methods["sdnet"] = loading.network_class("sdnet").untrained().fingerprint()
    return methods | {key: runner.metric_code(key) for key in ("en", "mi", "mi@nats", "psnr")}

def run():
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        importlib.import_module("ivif.benchmark.cli").main(command)
    return printed.getvalue()

found = []
for changes in edits:
    before = {file: Path(file).read_text() for file, _, _ in changes}
    for file, old, new in changes:
        text = Path(file).read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        Path(file).write_text(text.replace(old, new))
    for module in [module for module in sys.modules if module.partition(".")[0] == PROJECT]:
        del sys.modules[module]
    importlib.invalidate_caches()
    found.append(run() if command else hashes())
    for file, text in before.items():
        Path(file).write_text(text)
print(json.dumps(found))
""".replace("PROJECT", repr(PROJECT))


def in_copy(folder: Path, edits: list[list[tuple[str, str, str]]], *command: str) -> list[Any]:
    """What `IN_COPY` finds after each of some sets of edits, in a copy of this project's code."""
    checkout = Path(__file__).parents[2]
    for package in ("benchmark", "datasets", "downstream", "fusion", PROJECT):
        ignored = shutil.ignore_patterns("__pycache__", "*.safetensors")
        shutil.copytree(checkout / package, folder / package, symlinks=True, ignore=ignored)
    shutil.copy(checkout / "pyproject.toml", folder)
    environment, given = {**os.environ, "PYTHONPATH": str(folder)}, json.dumps([edits, command])
    found = subprocess.check_output(
        [sys.executable, "-c", IN_COPY], input=given, cwd=folder, env=environment, text=True
    )
    return json.loads(found.splitlines()[-1])


def test_edits_of_the_project_change_the_hashes_that_they_concern(tmp_path: Path) -> None:
    first, words, *others = in_copy(tmp_path, [[], WORDS, *([edit] for _, *edit in CODE)])
    assert words == first
    for (concerned, *edit), found in zip(CODE, others, strict=True):
        assert {name for name, value in found.items() if value != first[name]} == set(concerned.split()), edit


def test_words_cost_no_run_and_a_constant_does(tmp_path: Path) -> None:
    for number in range(2):
        for band in ("infrared", "visible"):
            write_png(tmp_path / band / f"{number}.png", to_uint8(picture(number, 1, 48))[0])
    command = ["run", "--infrared", str(tmp_path / "infrared"), "--visible", str(tmp_path / "visible"), "--jobs", "1"]
    command += ["--out", str(tmp_path / "run"), "--method", "laplacian", "--metrics", "en", "--metrics", "mi"]
    _, *constant = CODE[2]
    done = [printed.splitlines()[-1] for printed in in_copy(tmp_path / "copy", [[], WORDS, [constant]], *command)]
    assert [line.partition(" from before")[0] for line in done] == [
        "2 fused images done now, 0 still valid",
        "0 fused images done now, 2 still valid",
        "2 fused images done now, 0 still valid",
    ]


def picture(seed: int, channels: int, side: int) -> Tensor:
    """A smooth random picture, ``float32 [1, C, H, W]``."""
    coarse = torch.rand(1, channels, 6, 6, generator=torch.Generator().manual_seed(seed))
    return interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1)


def test_whatever_a_method_runs_is_in_its_identity(assert_reached: AssertReached) -> None:
    for name in default_names():
        method = load(name)
        infrared, visible = picture(1, 1, 64), picture(2, 3, 64)
        assert_reached((type(method), to_float, to_uint8), partial(method.fuse, infrared, visible), name)


def test_whatever_a_metric_runs_is_in_its_identity(assert_reached: AssertReached) -> None:
    pictures = [to_uint8(picture(seed, 1, 192)) for seed in range(3)]
    for key in metric_names():
        for images in (pictures, [torch.zeros_like(pictures[0])] * 3):
            assert_reached(get(key).code, partial(get(key), *images), key)


def test_whatever_makes_references_is_in_their_identity(assert_reached: AssertReached) -> None:
    infrared, visible = (to_uint8(picture(seed, 1, 64))[0] for seed in (1, 2))
    candidates = {"mean": infrared // 2 + visible // 2, "maximum": torch.maximum(infrared, visible), "one": visible}
    codes = [_code(key) for key in _keys(["mse"])]
    for rule in map(Rule, ("auto", NO_REGRET, "random", "best", "metric:mse")):
        act = partial(choose, rule, "a", infrared, visible, candidates, candidates["mean"])
        assert_reached((choose, *codes), act, rule.name)
    own = choose(Rule(), "a", infrared, visible, candidates, candidates["mean"]).yardstick
    codes = [_code(key) for key in (*_keys([]), *GUARDS)]
    references, weights = [*candidates.values()], [0.5, 0.3, 0.2]
    for kind, yardstick in (("none", None), ("published", None), ("adaptive", None), ("adaptive", own)):
        act = partial(enhance, kind, infrared, visible, references, weights, yardstick)
        assert_reached((enhance, *codes), act, kind)


def test_whatever_reads_is_in_its_identity(tmp_path: Path, assert_reached: AssertReached) -> None:
    for band, channels in (("infrared", 1), ("visible", 3)):
        write_png(tmp_path / band / "a.png", to_uint8(picture(1, channels, 32))[0])
    (pair,) = pair_folders(tmp_path / "infrared", tmp_path / "visible")
    assert_reached((Pair.read, type(pair.infrared)), pair.read, "pair")
    assert_reached((read_image, luminance), lambda: luminance(read_image(tmp_path / "visible" / "a.png")), "file")
