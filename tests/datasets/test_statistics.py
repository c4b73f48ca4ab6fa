"""Statistics of data sets, against values worked out by hand and pictures made to order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ivif.datasets import Boxes, Pair, PairDataset, cli, commands, statistics
from ivif.datasets.images import write_png
from ivif.datasets.pairs import ImageFile


def test_entropy_of_equal_halves_is_one_bit() -> None:
    plane = np.zeros((4, 6))
    assert statistics.level_entropy(plane) == 0
    plane[:, 3:] = 255
    assert statistics.level_entropy(plane) == 1
    assert statistics.level_entropy(np.arange(256.0).reshape(16, 16)) == 8


def test_gradient_of_a_ramp_is_its_slope() -> None:
    down, right = np.mgrid[0:9, 0:12].astype(float)
    np.testing.assert_allclose(statistics.gradient_length(3 * right + 4 * down), 5)


@pytest.mark.parametrize("exponent", [-1.0, -2.0, -3.0])
def test_spectral_slope_finds_the_exponent_noise_was_made_with(exponent: float) -> None:
    shape = (240, 320)
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None])
    frequency[0, 0] = 1
    white = np.fft.fft2(np.random.default_rng(0).standard_normal(shape))
    plane = np.fft.ifft2(white * frequency ** (exponent / 2)).real
    assert statistics.spectral_slope(plane) == pytest.approx(exponent, abs=0.1)


def test_correlation() -> None:
    plane = np.random.default_rng(0).random((8, 8))
    assert statistics.band_correlation(plane, 2 - 3 * plane) == pytest.approx(-1)
    assert np.isnan(statistics.band_correlation(plane, np.ones((8, 8))))


def test_person_contrast_compares_the_middle_of_boxes_with_their_surroundings() -> None:
    plane = np.full((100, 100), 20.0)
    plane[10:60, 40:60] = 100
    boxes = Boxes(np.array([(40, 10, 60, 60), (0, 0, 30, 10), (70, 0, 90, 90)]), ignore=np.array([False, False, True]))
    assert statistics.person_contrast(plane, boxes) == 80, "small boxes and ignore regions don't count"
    assert np.isnan(statistics.person_contrast(plane, boxes[1:]))


def test_side_by_side_looks_whether_the_first_median_lies_in_the_others_range() -> None:
    rendered = [{"a": value, "b": value, "c": 1.0} for value in (4.0, 5.0, 6.0)]
    real = [{"a": value, "b": value + 10, "c": float("nan")} for value in np.linspace(0, 10, 11)]
    a, b, c = statistics.statistics_of([rendered, real])
    assert a.quantiles[1] == pytest.approx((1, 5, 9)) and a.inside
    assert b.inside is False
    assert c.inside is None and np.isnan(c.quantiles[1][1])


def test_spread_out_takes_pairs_from_everywhere() -> None:
    file = ImageFile(Path("x.png"))
    data = PairDataset("many", tuple(Pair(f"{number:02d}", file, file) for number in range(11)))
    assert [pair.name for pair in statistics.spread_out(data, 3)] == ["00", "05", "10"]
    assert statistics.spread_out(data, None) is data


def test_command_prints_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def named(name: str, _: Path | None) -> PairDataset:
        level = 40 if name == "synthetic" else 90
        ramp = (torch.arange(64).expand(1, 48, 64) + level).to(torch.uint8)
        files = [ImageFile(tmp_path / f"{name}-{band}.png") for band in ("infrared", "visible")]
        for file in files:
            write_png(file.path, ramp)
        return PairDataset(name, (Pair("ramp", *files),))

    monkeypatch.setattr(commands, "load", named)
    assert cli.main(["statistics", "synthetic", "photographs"]) == 0
    lines = {line[:40].strip(): line for line in capsys.readouterr().out.splitlines()}
    assert "71.5 [71.5, 71.5]" in lines["infrared: mean level"] and "NO" in lines["infrared: mean level"]
    assert "1 [1, 1]" in lines["visible: gradient, mean"] and "yes" in lines["visible: gradient, mean"]
    assert lines["infrared: people over background"].split()[-2:] == ["-", "-"]
