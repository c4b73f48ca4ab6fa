"""Statistics: paired tests, bootstrap intervals, and which of many methods can be told apart."""

from ivif.benchmark.reports.statistics.bootstrap import RESAMPLES, drawn, middle, sample_means
from ivif.benchmark.reports.statistics.friedman import Friedman, critical_difference, friedman, letters
from ivif.benchmark.reports.statistics.paired import (
    SIGNIFICANT,
    Paired,
    corrected,
    holm,
    least_p,
    paired,
    paired_by_name,
    told_from_best,
    verdict,
)

__all__ = [
    "RESAMPLES",
    "SIGNIFICANT",
    "Friedman",
    "Paired",
    "corrected",
    "critical_difference",
    "drawn",
    "friedman",
    "holm",
    "least_p",
    "letters",
    "middle",
    "paired",
    "paired_by_name",
    "sample_means",
    "told_from_best",
    "verdict",
]
