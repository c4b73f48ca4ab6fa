"""Every core metric against the values that the original codes gave on the same images."""

import csv
import math
import os
from pathlib import Path

import pytest

from benchmark.metrics import MetricError, get
from datasets.images import read_image

HERE = Path(__file__).parents[1] / "golden" / "metrics"
SHARED = Path(os.environ.get("IVIF_GOLDEN", Path(__file__).parents[3] / "shared" / "golden")) / "metrics"

# metric key -> (name, implementation) of the codes that define it, absolute and relative tolerance
DEFINING = {
    ("EN", "RFN_octave"): ("en", 1e-9, 0),
    ("EN", "LFT_octave"): ("en", 1e-9, 0),
    ("EN", "CDDFuse_py"): ("en", 1e-9, 0),
    ("Entropy", "VIFB_octave"): ("en", 1e-9, 0),
    ("SD", "LFT_octave"): ("sd", 0, 1e-9),
    ("SD", "CDDFuse_py_float64in"): ("sd", 0, 1e-9),
    ("SD", "CDDFuse_py"): ("sd", 0, 1e-6),
    ("MI", "IVIF_ZOO_py"): ("mi", 1e-9, 0),
    ("SCD", "RFN_octave"): ("scd", 0, 1e-9),
    ("SCD", "LFT_octave"): ("scd", 0, 1e-9),
    ("SCD", "CDDFuse_py"): ("scd", 0, 1e-6),
    ("VIF", "LFT_octave"): ("vif", 1e-6, 0),
    ("VIFF", "CDDFuse_py"): ("vif", 1e-6, 0),
    ("Qabf", "LFT_octave"): ("qabf", 1e-9, 0),
    ("Qabf", "VIFB_octave"): ("qabf", 1e-9, 0),
    ("Qabf", "CDDFuse_py"): ("qabf", 1e-6, 0),
}

# LFT and RFN-Nest print 12 digits and sum in another order where the value itself nearly cancels to 0.
CANCELLING = 1e-11


def rows(folder: Path, table: str) -> list[tuple[str, str, str, float]]:
    with (folder / table).open(newline="") as file:
        found = []
        for row in csv.DictReader(file):
            if (row["metric"], row["implementation"]) in DEFINING:
                try:
                    found.append((row["triple"], row["metric"], row["implementation"], float(row["value"])))
                except ValueError:  # the original crashed or gave nothing on this degenerate input
                    continue
        return found


def check(folder: Path, triple: str, name: str, implementation: str, expected: float) -> None:
    key, absolute, relative = DEFINING[name, implementation]
    images = [read_image(folder / triple / f"{role}.png")[None] for role in ("ir", "vis", "fused")]
    if min(images[0].shape[2:]) < get(key).min_side:
        with pytest.raises(MetricError, match="at least"):
            get(key)(*images)
        return
    found = get(key)(*images).values.item()
    if math.isnan(expected):
        assert math.isnan(found)
    else:
        assert found == pytest.approx(expected, abs=max(absolute, CANCELLING), rel=relative)


@pytest.mark.parametrize(("triple", "name", "implementation", "expected"), rows(HERE, "values.csv"))
def test_generated_triples(triple: str, name: str, implementation: str, expected: float) -> None:
    check(HERE, triple, name, implementation, expected)


@pytest.mark.real
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no golden values of real images in {SHARED}")
def test_all_triples() -> None:
    table = rows(SHARED, "reference_values.csv")
    assert len({row[0] for row in table}) == 27
    for triple, name, implementation, expected in table:
        check(SHARED / "triples", triple, name, implementation, expected)
