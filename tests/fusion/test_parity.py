"""Parity: differences that are known by construction."""

import numpy as np
import pytest
import torch
from PIL import Image

from ivif.datasets.pairs import PairError, pair_folders
from ivif.fusion import FolderResults, FusionError, load
from ivif.fusion.parity import PairParity, fuse_channels, parity, parity_table

SIZE = (24, 30)


def picture(seed, channels=3, size=SIZE):
    random = np.random.default_rng(seed)
    row, column = np.indices(size)
    plane = 2 * np.rint(40 + 20 * np.sin(row / 4) + 15 * np.cos(column / 5))
    colours = plane[..., None] + 2 * random.integers(-5, 6, (*size, channels))
    return colours.astype(np.uint8).squeeze()


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)


@pytest.fixture
def sources(tmp_path):
    """Even grey values, so that the mean of both sources needs no rounding."""
    infrared, visible = picture(1), picture(2)
    save(tmp_path / "ir" / "a.png", infrared)
    save(tmp_path / "vi" / "a.png", visible)
    mean = ((infrared.astype(int) + visible) // 2).astype(np.uint8)
    return pair_folders(tmp_path / "ir", tmp_path / "vi"), mean, FolderResults("mean", str(tmp_path / "fused"))


def test_channels_are_fused_with_their_own_partners(sources, tmp_path):
    dataset, mean, folder = sources
    save(tmp_path / "fused" / "a.png", mean)
    assert parity(load("average"), dataset, folder, per_channel=True) == [PairParity("a", np.inf, 1.0, 0.0, 0, None)]
    plain = parity(load("average"), dataset, folder)[0]
    assert plain.psnr < 50, "the visible chroma is put back, the channels' mean has the infrared's too"


def test_a_single_infrared_channel_serves_all(tmp_path):
    infrared, visible = picture(1, channels=1), picture(2)
    save(tmp_path / "ir" / "a.png", infrared)
    save(tmp_path / "vi" / "a.png", visible)
    fused = fuse_channels(load("average"), pair_folders(tmp_path / "ir", tmp_path / "vi")[0])
    expected = (infrared[..., None].astype(int) + visible) // 2
    assert torch.equal(fused.permute(1, 2, 0), torch.from_numpy(expected.astype(np.uint8)))


def test_difference_of_one_level(sources, tmp_path):
    """Mean square 1 is 20 log10(255) = 48.13 dB; SSIM is hardly lower than 1."""
    dataset, mean, folder = sources
    save(tmp_path / "fused" / "a.png", mean + 1)
    (item,) = parity(load("average"), dataset, folder, per_channel=True)
    assert item.psnr == pytest.approx(48.1308, abs=1e-4)
    assert (item.mean_difference, item.max_difference) == (1, 1)
    assert 0.999 < item.ssim < 1


def test_difference_in_one_pixel_of_one_channel(sources, tmp_path):
    dataset, mean, folder = sources
    mean[3, 4, 1] += 60
    save(tmp_path / "fused" / "a.png", mean)
    (item,) = parity(load("average"), dataset, folder, per_channel=True)
    values = mean.size
    assert item.psnr == pytest.approx(10 * np.log10(255**2 * values / 3600))
    assert (item.mean_difference, item.max_difference) == (pytest.approx(60 / values), 60)


@pytest.mark.parametrize(("quality", "subsampling"), [(75, 2), (90, 0), (50, 1)])
def test_error_of_jpeg_compression_is_taken_out(sources, tmp_path, quality, subsampling):
    dataset, mean, folder = sources
    save(tmp_path / "fused" / "a.jpg", mean, quality=quality, subsampling=subsampling)
    (item,) = parity(load("average"), dataset, folder, per_channel=True)
    assert item.mean_difference > 0.5
    assert item.recompressed_difference == 0
    (other,) = parity(load("maximum"), dataset, folder, per_channel=True)
    assert other.recompressed_difference > 1


def test_grey_jpeg_results(tmp_path):
    infrared, visible = picture(1, channels=1), picture(2, channels=1)
    save(tmp_path / "ir" / "a.png", infrared)
    save(tmp_path / "vi" / "a.png", visible)
    save(tmp_path / "fused" / "a.jpg", ((infrared.astype(int) + visible) // 2).astype(np.uint8), quality=80)
    dataset, folder = pair_folders(tmp_path / "ir", tmp_path / "vi"), FolderResults("mean", str(tmp_path / "fused"))
    for per_channel in (False, True):
        (item,) = parity(load("average"), dataset, folder, per_channel)
        assert item.recompressed_difference == 0


def test_result_of_another_size_is_refused(sources, tmp_path):
    dataset, mean, folder = sources
    save(tmp_path / "fused" / "a.png", mean[:-1])
    with pytest.raises(FusionError, match=r"is 30x23, but the sources of a are 30x24"):
        parity(load("average"), dataset, folder)


def test_missing_result_is_refused(sources, tmp_path):
    (tmp_path / "fused").mkdir()
    with pytest.raises(FusionError, match="no fused image"):
        parity(load("average"), sources[0], sources[2])


def test_sources_of_different_size_are_refused(tmp_path):
    save(tmp_path / "ir" / "a.png", picture(1))
    save(tmp_path / "vi" / "a.png", picture(2, size=(24, 31)))
    save(tmp_path / "fused" / "a.png", picture(2))
    dataset, folder = pair_folders(tmp_path / "ir", tmp_path / "vi"), FolderResults("mean", str(tmp_path / "fused"))
    with pytest.raises(PairError, match="30x24, visible 31x24"):
        parity(load("average"), dataset, folder)
    with pytest.raises(FusionError, match="differ in size"):
        parity(load("average"), dataset, folder, per_channel=True)


def test_table_has_a_row_a_pair_and_the_means():
    results = [PairParity("a", 40.0, 0.9, 1.0, 10, 0.5), PairParity("b", 30.0, 0.8, 3.0, 21, 0.25)]
    lines = parity_table(results).splitlines()
    assert len(lines) == 5
    assert lines[-1].split() == ["mean", "35.00", "0.8500", "2.000", "15.5", "0.375"]
    partly = parity_table([*results, PairParity("c", 30.0, 0.8, 3.0, 20, None)]).splitlines()
    assert partly[-1].split()[-1] == "-", "a mean over some of the pairs would mislead"
    assert "a" in parity_table([results[0]], "github").splitlines()[2]


def test_table_of_nothing_has_no_mean():
    assert "mean  " not in parity_table([]).splitlines()[-1]
