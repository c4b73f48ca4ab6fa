"""Costs against what can be counted by hand."""

import pytest

from ivif.benchmark.cli import main
from ivif.benchmark.experiments.cost import measure_costs, multiply_accumulates
from ivif.fusion.loading import network_class


def test_cost_of_a_network_is_what_its_layers_say() -> None:
    (cost,) = measure_costs(["sdnet"], (64, 48), repeats=1)
    # 5x5x1x16, then 3x3x16 channels in times 16, 32, 48 out of 16, on both paths; then 128 to 1; at each pixel
    layers = 2 * (25 * 16 + 9 * 16 * (16 + 32 + 48)) + 128
    assert cost.gmac == pytest.approx(layers * 64 * 48 / 1e9)
    assert cost.parameters == 67_091
    assert cost.seconds > 0 and cost.processor > 0 and cost.memory >= 0


def test_table_of_classical_methods(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["complexity", "--method", "average", "--size", "64x48", "--threads", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[:3] == ["average", "-", "-"]
    assert main(["complexity", "--method", "nope"]) == 2


@pytest.mark.parametrize("network", ["swinfusion", "mgt"])
def test_plain_attention_networks_run(network: str) -> None:
    optimised, plain = measure_costs([network], (64, 48), repeats=1, plain=True)
    assert plain.parameters == optimised.parameters
    assert plain.method == f"{network} (plain)" and plain.seconds > 0 and plain.gmac > 0


def test_a_plain_network_costs_the_same_arithmetic(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["complexity", "--method", "didfuse", "--method", "average", "--size", "64x48", "--plain"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[-3:]]
    assert [row[0] for row in rows] == ["didfuse", "didfuse", "average"]
    assert rows[1][1] == "(plain)" and rows[0][1:3] == rows[1][2:4]


@pytest.mark.parametrize(
    ("network", "expected"),
    {
        "seafusion": 51.0,
        "u2fusion": 202.5,
        "tardal": 90.9,
        "densefuse": 27.0,
        "ifcnn_max": 39.8,
        "lrrnet": 14.2,
        "mmdrfuse": 0.033,
        "sage": 20.0,
    }.items(),
)
def test_arithmetic_is_that_of_the_authors_classes(network: str, expected: float) -> None:
    assert multiply_accumulates(network_class(network)) == pytest.approx(expected, rel=0.01)
