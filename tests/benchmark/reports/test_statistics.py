"""Statistics beside SciPy, statsmodels and scikit-posthocs, and beside examples worked out on paper."""

from itertools import product

import numpy as np
import pytest
import scikit_posthocs
from numpy.typing import NDArray
from scipy.stats import bootstrap, friedmanchisquare, rankdata, wilcoxon
from statsmodels.stats.multitest import multipletests

from ivif.benchmark.metrics import get
from ivif.benchmark.ranking import mean_ranks, metric_weights, ranks_by_metric
from ivif.benchmark.reports.statistics import (
    critical_difference,
    drawn,
    friedman,
    holm,
    least_p,
    letters,
    middle,
    paired,
    sample_means,
    told_from_best,
)

DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)
"""AUC of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on 14 data sets: Demšar, JMLR 7, 2006, table 6.

Printed values; where two are the same to three digits and their ranks are not (2 and 3), the fourth digit parts them.
"""

DEMSAR_RANKS = (
    (4, 3, 2, 1), (1, 2, 3, 4), (4, 1, 2, 3), (4, 1, 3, 2), (4, 2, 3, 1), (1, 2.5, 4, 2.5), (3, 2, 4, 1),
    (2.5, 2.5, 4, 1), (4, 3, 2, 1), (2.5, 2.5, 2.5, 2.5), (4, 2.5, 1, 2.5), (3, 2, 4, 1), (4, 1, 2, 3), (3, 1, 4, 2),
)  # fmt: skip
"""The ranks printed in brackets beside them; they add up to 44, 28, 40.5 and 27.5, 14 times 3.143, 2, 2.893, 1.964."""


def scores(blocks: int = 20, methods: int = 7, seed: int = 0) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return random.normal(size=(blocks, methods)) + np.linspace(0, 1.5, methods)


def test_demsar_example() -> None:
    """Mean ranks, critical difference, chi-square and F as printed there; the two are not corrected for ties."""
    assert rankdata(-DEMSAR, axis=1).tolist() == [list(row) for row in DEMSAR_RANKS]
    found = friedman(-DEMSAR)
    assert np.array(found.ranks) * 14 == pytest.approx((44, 28, 40.5, 27.5))
    assert found.ranks == pytest.approx((3.143, 2.000, 2.893, 1.964), abs=5e-4)
    assert found.critical_difference == pytest.approx(1.25, abs=5e-3)
    untied = 12 * 14 / (4 * 5) * (np.square(found.ranks).sum() - 4 * 5**2 / 4)
    assert untied == pytest.approx(9.28, abs=5e-3) and found.statistic > untied
    assert 13 * untied / (14 * 3 - untied) == pytest.approx(3.69, abs=5e-3)
    assert found.p < 0.05 and found.groups() == [(3, 1, 2, 0)]  # they differ; who from whom, Nemenyi's test can't tell


@pytest.mark.parametrize("seed", range(3))
def test_friedman_and_nemenyi_agree_with_scipy_and_scikit_posthocs(seed: int) -> None:
    values = scores(seed=seed)
    found = friedman(values)
    assert (found.statistic, found.p) == pytest.approx(tuple(friedmanchisquare(*values.T)))
    theirs = scikit_posthocs.posthoc_nemenyi_friedman(values).to_numpy()
    assert found.p < 0.05
    for first, second in product(range(7), repeat=2):
        assert found.alike(first, second) == (theirs[first, second] >= 0.05 or first == second)


def test_where_all_are_alike_there_is_one_group() -> None:
    values = np.random.default_rng(1).normal(size=(12, 5))
    found = friedman(values)
    assert found.p > 0.05 and [sorted(group) for group in found.groups()] == [[0, 1, 2, 3, 4]]
    constant = friedman(np.ones((8, 3)))
    assert (constant.statistic, constant.p, constant.ranks) == (0, 1, (2, 2, 2))


def test_groups_and_their_letters() -> None:
    """30 pairs that all agree on 6 methods: a critical difference of 2.85 sqrt(6 7 / 180) = 1.38 joins neighbours."""
    found = friedman(np.tile(np.arange(6.0), (30, 1)))
    assert found.critical_difference == pytest.approx(1.377, abs=2e-3)
    assert found.groups() == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
    assert letters(found.groups(), 6) == ["a", "ab", "bc", "cd", "de", "e"]


def test_friedman_leaves_incomplete_pairs_out_and_refuses_too_few() -> None:
    values = scores(blocks=10)
    values[3, 2] = np.nan
    assert friedman(values) == friedman(np.delete(values, 3, axis=0))
    with pytest.raises(ValueError, match="5 pairs"):
        friedman(scores(blocks=5))
    with pytest.raises(ValueError, match="2 methods"):
        friedman(scores(methods=2))


def test_critical_differences_of_tables() -> None:
    """Demšar's table 5 a: quantiles 2.343, 2.728 and 3.164 of 3, 5 and 10 methods."""
    for methods, quantile in ((3, 2.343), (5, 2.728), (10, 3.164)):
        expected = quantile * np.sqrt(methods * (methods + 1) / (6 * 21))
        assert critical_difference(methods, 21) == pytest.approx(expected, rel=5e-4)


def test_holm_agrees_with_statsmodels() -> None:
    p = np.random.default_rng(0).random(30) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_rank_biserial_agrees_with_the_sums_of_signed_ranks() -> None:
    """r = (favourable - unfavourable) / all: SciPy's statistic of a one-sided test is the favourable sum."""
    values = scores(methods=2)
    found = paired(values[:, 0], values[:, 1])
    favourable = float(wilcoxon(values[:, 1] - values[:, 0], alternative="greater").statistic)
    every = 20 * 21 / 2
    assert found.effect == pytest.approx((2 * favourable - every) / every)


def test_least_p_is_that_of_differences_that_all_agree() -> None:
    for pairs in (3, 5, 6, 10):
        assert least_p(pairs) == pytest.approx(wilcoxon(np.arange(1.0, pairs + 1)).pvalue)
    assert least_p(3, 6) == 1 and least_p(10, 6) == pytest.approx(6 / 512)


def test_told_from_best_takes_the_direction_and_leaves_out_who_has_no_value() -> None:
    values = np.array([[number, number + 0.01 * (-1) ** number, number - 1, np.nan] for number in range(12)])
    assert told_from_best(values, True).tolist() == [False, False, True, False]
    assert told_from_best(-values, False).tolist() == [False, False, True, False]
    assert not told_from_best(np.full((3, 2), np.nan), True).any()


def test_bootstrap_intervals_agree_with_scipy() -> None:
    values = np.random.default_rng(3).gamma(2, size=60)
    ours = middle(sample_means(values, drawn(60)))
    theirs = bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=1).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.03 * values.std())


def test_paired_bootstrap_worked_out_on_paper() -> None:
    """Differences 0, 0 and 3: a sample holds the 3 k times with binomial(3, 1/3), and its mean is k."""
    counts = drawn(3)
    means = sample_means(np.array([0.0, 0.0, 3.0]), counts)
    shares = [(means == times).mean() for times in range(4)]
    assert shares == pytest.approx([8 / 27, 12 / 27, 6 / 27, 1 / 27], abs=0.03)
    assert middle(means) == (0, 3)  # 1/27 > 2.5 %


def test_sample_means_leave_out_what_is_missing() -> None:
    counts = np.array([[1, 1, 1], [0, 2, 1], [0, 3, 0]])
    values = np.array([[1.0, 1.0], [3.0, np.nan], [8.0, 2.0]])
    found = sample_means(values, counts)
    assert found[:, 0].tolist() == [4, 14 / 3, 3]
    assert found[:2, 1].tolist() == [1.5, 2] and np.isnan(found[2, 1])


def test_families_weigh_the_same_and_definitions_share_the_vote_of_their_metric() -> None:
    metrics = [get(key) for key in ("en", "sd", "sd@uint8sat", "sf", "vif")]
    assert metric_weights(metrics) == pytest.approx([1 / 3, 1 / 12, 1 / 12, 1 / 6, 1 / 3])


def test_mean_ranks_by_hand() -> None:
    """Information: en; contrast: sd, sf; error, lower is better: mse."""
    metrics = [get(key) for key in ("en", "sd", "sf", "mse")]
    values = np.array([[3.0, 9, 1, 5], [2, 8, 2, 5], [1, 7, 3, 1], [9, 9, 9, np.nan]])
    assert ranks_by_metric(values, metrics)[:3].tolist() == [[2, 1.5, 4, 2.5], [3, 3, 3, 2.5], [4, 4, 2, 1]]
    first, second, third, missing = mean_ranks(values, metrics)
    assert (first, second, third) == pytest.approx(((2 + 2.75 + 2.5) / 3, (3 + 3 + 2.5) / 3, (4 + 3 + 1) / 3))
    assert np.isnan(missing)
    stacked = mean_ranks(np.stack((values, values[::-1])), metrics)
    assert stacked[1][::-1] == pytest.approx(stacked[0], nan_ok=True)
