"""The catalogue: what `list` and `explain` tell is what is registered."""

from __future__ import annotations

import pytest

from ivif.benchmark.catalogue import FILE, catalogue, matching
from ivif.benchmark.cli import main
from ivif.benchmark.commands.cataloguing import registered_facts
from ivif.benchmark.metrics import get
from ivif.errors import IvifError


def test_the_file_says_what_is_registered() -> None:
    assert FILE.read_text(encoding="utf-8") == registered_facts().to_json(), "python -m benchmark catalogue renews it"


@pytest.mark.parametrize("name", ["MS-SSIM", "Q_abf", "SSIM (CDDFuse)", "Entropy", "ssim@cddfuse"])
def test_explain_and_get_understand_the_same_names(name: str) -> None:
    assert catalogue().metric(name).key == get(name).key


def test_an_unknown_metric_is_told_with_its_neighbours() -> None:
    with pytest.raises(IvifError, match="no metric 'qabff'; did you mean qabf"):
        catalogue().metric("qabff")


def test_a_pattern_narrows_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "methods", "SDNet*"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:] if line[0] != " "] == [
        "sdnet",
        "sdnet+rts",
        "sdnet+published",
    ]


def test_patterns() -> None:
    assert matching(["vif", "viff", "ssim"], ["VIF?", "s*"]) == ["viff", "ssim"]
    assert matching(["vif", "ssim"], []) == ["vif", "ssim"]
