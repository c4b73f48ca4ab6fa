"""Multi-scale transforms: exact inverses, values worked out by hand, independent filter banks, shift invariance."""

import numpy as np
import pytest
import pywt
from scipy.ndimage import correlate1d

from ivif import fusion
from ivif.fusion.classical.dual_tree import ANGLES, LOW_ANALYSIS, QUARTER_SHIFT, DualTree, analyse, synthesise
from ivif.fusion.classical.multiscale import depth, stronger
from ivif.fusion.classical.pyramids import (
    from_laplacian,
    from_ratio,
    gaussian_pyramid,
    laplacian_pyramid,
    ratio_pyramid,
)
from ivif.fusion.classical.wavelets import consistent, select_by_area

METHODS = ("laplacian", "rolp", "dwt", "dtcwt")
SHAPES = ((1, 1), (2, 9), (5, 3), (32, 32), (33, 47), (50, 36), (37, 130))


def noise(shape, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, shape)


@pytest.mark.parametrize(("shape", "levels"), [((1, 9), 0), ((3, 3), 0), ((4, 99), 1), ((31, 500), 3), ((32, 32), 4)])
def test_depth_leaves_a_base_of_two_pixels(shape, levels):
    assert depth(shape) == levels


def test_depth_is_limited_to_what_was_asked_for():
    assert depth((4096, 4096)) == 4
    assert depth((4096, 4096), levels=6) == 6


def test_stronger_goes_by_magnitude_and_prefers_the_first_on_ties():
    np.testing.assert_array_equal(stronger(np.array([-3.0, 1, 2]), np.array([2.0, -4, -2])), [-3, -4, 2])
    np.testing.assert_array_equal(stronger(np.array([3 + 4j]), np.array([4.5 + 0j])), [3 + 4j])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("forward", "inverse"),
    [(laplacian_pyramid, from_laplacian), (ratio_pyramid, from_ratio), (analyse, synthesise)],
    ids=["laplacian", "ratio", "dual-tree"],
)
def test_inverse_restores_the_image(forward, inverse, shape):
    image = noise(shape) + 1
    for levels in range(5 if forward is analyse else depth(shape) + 1):
        np.testing.assert_allclose(inverse(forward(image, levels)), image, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", METHODS)
def test_identical_sources_are_reproduced(name, shape):
    image = noise(shape)
    np.testing.assert_allclose(fusion.load(name).combine(image, image), image, atol=1e-9)


# A dot of 256 in the middle of 5 x 5: REDUCE leaves the outer product of (2 6 2) / 16 * 16, as the border mirrors the
# dot, and EXPAND makes (3 4 5 4 3) of (2 6 2): 3 = (6 + 6*2 + 6) / 8, 4 = (2 + 6) / 2, 5 = (2 + 6*6 + 2) / 8.
DOT = np.zeros((5, 5))
DOT[2, 2] = 256
REDUCED = np.outer([2, 6, 2], [2, 6, 2])
EXPANDED = np.outer([3, 4, 5, 4, 3], [3, 4, 5, 4, 3])


def test_pyramids_of_a_dot_by_hand():
    np.testing.assert_allclose(gaussian_pyramid(DOT, 1)[1], REDUCED, atol=1e-12)
    np.testing.assert_allclose(laplacian_pyramid(DOT, 1)[0], DOT - EXPANDED, atol=1e-12)
    np.testing.assert_allclose(ratio_pyramid(DOT + 1, 1)[0], (DOT + 1) / (EXPANDED + 1), atol=1e-12)


def test_laplacian_fusion_of_a_dot_with_black_by_hand():
    fused = fusion.load("laplacian").combine(np.zeros((5, 5)), DOT)
    np.testing.assert_allclose(fused, DOT - EXPANDED / 2, atol=1e-12)


def test_ratio_fusion_of_a_dot_with_black_by_hand():
    fused = fusion.load("rolp").combine(np.zeros((5, 5)), DOT)
    ratio = (DOT + 1) / (EXPANDED + 1)
    np.testing.assert_allclose(fused, ratio * (EXPANDED / 2 + 1) - 1, atol=1e-12)


def test_reduce_agrees_with_scipy():
    image = noise((21, 34))
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    filtered = correlate1d(correlate1d(image, kernel, axis=0, mode="mirror"), kernel, axis=1, mode="mirror")
    np.testing.assert_allclose(gaussian_pyramid(image, 1)[1], filtered[::2, ::2], atol=1e-9)


def test_contrast_decides_in_the_ratio_pyramid_where_difference_decides_in_the_laplacian():
    """A step of 20 in the dark (30 to 50) has more contrast, one of 30 in the light (200 to 230) more difference."""
    dark, light = np.full((64, 64), 30.0), np.full((64, 64), 200.0)
    dark[:, 32:] = 50
    light[32:] = 230
    for name, wins in (("rolp", "dark"), ("laplacian", "light")):
        fused = fusion.load(name).combine(dark, light)
        across, down = abs(fused[30, 32] - fused[30, 31]), abs(fused[32, 31] - fused[31, 31])
        assert (across > down) == (wins == "dark")


@pytest.mark.parametrize("name", METHODS)
def test_details_of_both_sources_survive_in_full(name):
    """Checkerboards, which hold nothing but the finest detail: one in each source, in different places."""
    rows, columns = np.mgrid[:96, :96]
    checkers = 20.0 * (-1.0) ** (rows + columns)
    infrared = 100 + checkers * ((rows >= 20) & (rows < 44) & (columns < 40))
    visible = 100 + checkers * ((rows >= 60) & (rows < 80) & (columns > 50))
    fused = fusion.load(name).combine(infrared, visible)
    for source, where in ((infrared, np.s_[24:40, 4:36]), (visible, np.s_[64:76, 56:92])):
        np.testing.assert_allclose(fused[where], source[where], atol=0.5)


@pytest.mark.parametrize("name", METHODS)
def test_bases_are_averaged(name):
    fused = fusion.load(name).combine(np.full((64, 48), 60.0), np.full((64, 48), 200.0))
    # The published quarter-shift taps let 1e-6 of a constant through their high-pass filter, where choose-max acts.
    np.testing.assert_allclose(fused, 130, atol=1e-3 if name == "dtcwt" else 1e-9)


@pytest.mark.parametrize("name", ["laplacian", "rolp"])
@pytest.mark.parametrize("shape", [(33, 65), (49, 33)])
def test_pyramids_treat_both_borders_alike(name, shape):
    """Mirrored sources of a size that halves evenly (2^n + 1) give the mirrored result."""
    method, infrared, visible = fusion.load(name), noise(shape), noise(shape, 1)
    mirrored = method.combine(infrared[::-1, ::-1], visible[::-1, ::-1])
    np.testing.assert_allclose(mirrored[::-1, ::-1], method.combine(infrared, visible), atol=1e-9)


@pytest.mark.parametrize("name", METHODS)
def test_nothing_wraps_around_the_border(name):
    plain = noise((64, 256))
    bar = plain.copy()
    bar[:, :4] = 255
    method, grey = fusion.load(name), np.full((64, 256), 128.0)
    change = np.abs(method.combine(bar, grey) - method.combine(plain, grey))
    assert change[:, :4].max() > 10
    assert change[:, -32:].max() < 1e-9


def test_dwt_against_black_keeps_every_detail_and_half_the_approximation():
    image = noise((64, 80))
    approximation = pywt.wavedec2(image, "db2", "symmetric", 4)
    approximation[1:] = [tuple(np.zeros_like(band) for band in bands) for bands in approximation[1:]]
    expected = image - pywt.waverec2(approximation, "db2", "symmetric") / 2
    np.testing.assert_allclose(fusion.load("dwt").combine(image, np.zeros((64, 80))), expected, atol=1e-9)


def test_consistency_verification_turns_a_lone_decision_round():
    lone = np.zeros((5, 5), dtype=bool)
    lone[2, 2] = True
    assert not consistent(lone, 3).any()
    assert consistent(~lone, 3).all()


def test_consistency_verification_keeps_a_straight_front():
    half = np.zeros((6, 6), dtype=bool)
    half[:, 3:] = True
    np.testing.assert_array_equal(consistent(half, 3), half)


def test_selection_by_area_lets_a_strong_neighbour_speak_for_the_window():
    first, second = np.ones((7, 7)), np.full((7, 7), 2.0)
    first[3, 3] = -9
    expected = second.copy()
    expected[2:5, 2:5] = first[2:5, 2:5]
    expected[[2, 2, 4, 4], [2, 4, 2, 4]] = 2  # a corner of the 3 x 3 square has 4 neighbours of its kind, 5 others
    np.testing.assert_array_equal(select_by_area(first, second, 3), expected)


@pytest.mark.filterwarnings("error")
def test_dwt_asks_for_no_more_levels_than_the_image_has():
    assert np.isfinite(fusion.load("dwt").combine(noise((32, 32)), noise((32, 32), 1))).all()


def test_dual_tree_shapes():
    tree = analyse(noise((50, 36)), 3)
    assert [band.shape for band in tree.details] == [(6, 28, 20), (6, 14, 10), (6, 7, 5)]
    assert tree.low.shape == (14, 10)


def test_quarter_shift_filters_are_an_orthonormal_pair_a_quarter_sample_off_centre():
    overlaps = np.correlate(QUARTER_SHIFT, QUARTER_SHIFT, "full")[13::2]
    np.testing.assert_allclose(overlaps, [1, 0, 0, 0, 0, 0, 0], atol=1e-12)
    delay = QUARTER_SHIFT @ np.arange(14) / QUARTER_SHIFT.sum()  # group delay at zero frequency
    assert delay == pytest.approx(6.5 - 0.25, abs=0.03)


def test_each_tree_is_the_wavelet_transform_of_its_filters():
    """Rows of a signal that does not vary along columns: level 2 equals pywt on every second sample of level 1."""
    signal = np.zeros(128)
    signal[40:88] = noise(48)
    smooth = np.convolve(signal, LOW_ANALYSIS, mode="same")
    # The low-pass gain along the constant axis: 1 at level 1, the root of two at level 2.
    low = analyse(np.repeat(signal[:, None], 16, axis=1), 2).low[:, 0] / np.sqrt(2)
    for tree, taps in ((0, QUARTER_SHIFT[::-1]), (1, QUARTER_SHIFT)):
        high = taps[::-1] * np.tile([1, -1], 7)
        wavelet = pywt.Wavelet("tree", filter_bank=[taps, high, taps[::-1], high[::-1]])
        expected = pywt.downcoef("a", smooth[tree::2], wavelet, mode="zero")
        np.testing.assert_allclose(low[tree::2], expected[3:-3], atol=1e-9)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("level", range(4))
def test_each_subband_answers_to_waves_of_its_own_direction(level, angle):
    rows, columns = np.mgrid[:256, :256]
    direction = np.array([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
    frequency = 0.65 * np.pi / 2**level / np.abs(direction).max()
    wave = np.cos(frequency * (direction[0] * columns + direction[1] * rows))
    energy = [np.sum(np.abs(band) ** 2) for band in analyse(wave, 4).details[level]]
    assert ANGLES[int(np.argmax(energy))] == angle
    assert max(energy) > 0.5 * sum(energy)


def step(position):
    image = np.zeros((64, 128))
    image[:, position:] = 100
    return image


def spread(energies):
    """Range of each column over its mean."""
    return np.ptp(energies, axis=0) / np.mean(energies, axis=0)


def test_energy_of_a_shifted_step_varies_far_less_than_in_the_plain_transform():
    positions = range(48, 64)
    dual = [[np.sum(np.abs(bands) ** 2) for bands in analyse(step(x), 4).details] for x in positions]
    plain = [[np.sum(np.square(bands)) for bands in pywt.wavedec2(step(x), "db2", level=4)[:0:-1]] for x in positions]
    assert (spread(dual) < spread(plain) / 5).all()
    assert (spread(dual) < 0.25).all()


def test_dual_tree_is_linear():
    first, second = (analyse(noise((40, 40), seed), 3) for seed in (0, 1))
    mean = DualTree(
        (first.low + second.low) / 2,
        tuple((a + b) / 2 for a, b in zip(first.details, second.details, strict=True)),
        first.shape,
    )
    np.testing.assert_allclose(synthesise(mean), (noise((40, 40), 0) + noise((40, 40), 1)) / 2, atol=1e-9)
