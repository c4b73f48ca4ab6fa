"""Folders of results: found whatever their suffix, case and Unicode form; what is ambiguous or missing is told."""

import unicodedata

import numpy as np
import pytest
from PIL import Image

from ivif.datasets.images import ImageError
from ivif.datasets.pairs import Pair
from ivif.datasets.sources import ImageFile
from ivif.fusion.folders import FolderResults, folder_results
from ivif.fusion.method import FusionError


def pair(name):
    return Pair(name, ImageFile("a"), ImageFile("b"))


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("01.Png", "01"),
        ("01.JPEG", "01"),
        ("street.png", "Street"),
        (unicodedata.normalize("NFD", "Brücke.png"), "Brücke"),
        ("night/01.png", "night-01"),
    ],
)
def test_results_are_found_whatever_case_and_form(tmp_path, file, name):
    touch(tmp_path, file)
    assert FolderResults.parse(f"a={tmp_path}").file(pair(name)) == tmp_path / file


@pytest.mark.parametrize("file", ["01_gff.png", "01_GFF.PNG"])
def test_patterns_ignore_case(tmp_path, file):
    touch(tmp_path, file, "01_other.png")
    assert FolderResults.parse(f"a={tmp_path}/{{pair}}_gff.png").file(pair("01")) == tmp_path / file


def test_two_results_of_a_pair_are_refused(tmp_path):
    touch(tmp_path, "01.jpg", "01.png", "02.png")
    results = FolderResults.parse(f"a={tmp_path}")
    with pytest.raises(
        FusionError, match=r"a: two results of 01, 01.jpg and 01.png; take one away, or give 'a=.*\.jpg'"
    ):
        results.file(pair("01"))
    assert results.file(pair("02")) == tmp_path / "02.png"
    assert FolderResults.parse(f"a={tmp_path}/{{pair}}.png").file(pair("01")) == tmp_path / "01.png"


def test_a_file_that_comes_later_is_seen(tmp_path):
    results = FolderResults.parse(f"a={touch(tmp_path / 'fused', '01.png')}")
    with pytest.raises(FusionError, match="no fused image 02"):
        results.file(pair("02"))
    touch(tmp_path / "fused", "02.png")
    assert results.file(pair("02")) == tmp_path / "fused" / "02.png"


def test_deep_results_have_a_range_of_their_own(tmp_path):
    Image.fromarray(np.array([[0, 1000, 4000]], dtype=np.uint16)).save(tmp_path / "01.png")
    plain = FolderResults.parse(f"a={tmp_path}")
    with pytest.raises(ImageError, match=r"values 0..4000 instead of 8 bit; give 'a=.*#range=LOW:HIGH' with its own"):
        plain.image(pair("01"))
    ranged = FolderResults.parse(f"a={tmp_path}#range=0:4000")
    assert ranged.image(pair("01")).tolist() == [[[0, 64, 255]]]
    assert ranged.fingerprint(pair("01"), "sources") != plain.fingerprint(pair("01"), "sources")


@pytest.mark.parametrize(
    ("files", "pattern"),
    [
        (("01_GFF.jpg", "02_GFF.jpg"), "{pair}_GFF.jpg"),
        (("fused_01.png", "fused_02.png", "readme.txt"), "fused_{pair}.png"),
    ],
)
def test_a_pattern_that_would_match_is_suggested_before_any_work(tmp_path, files, pattern):
    touch(tmp_path, *files)
    with pytest.raises(FusionError, match="no fused image of the 3 pairs") as told:
        FolderResults.parse(f"a={tmp_path}").check(["01", "02", "03"])
    suggested = str(told.value).split("'")[1]
    assert suggested == f"a={tmp_path}/{pattern}"
    FolderResults.parse(suggested).check(["01", "02", "03"])


def test_all_methods_of_a_folder_are_found(tmp_path):
    """Names of pairs and of methods may hold what stands between them."""
    touch(
        tmp_path, "car_GFF.jpg", "car_Hybrid_MSD.jpg", "car_light_GFF.jpg", "car_light_Hybrid_MSD.jpg", "moon_ADF.jpg"
    )
    found = list(folder_results([f"{tmp_path}/{{pair}}_{{method}}.jpg"], ["car", "car_light"]))
    assert [one.name for one in found] == ["GFF", "Hybrid_MSD"]
    assert found[1].file(pair("car_light")) == tmp_path / "car_light_Hybrid_MSD.jpg"
    (folder,) = folder_results([f"{touch(tmp_path / 'by', 'Mine/car.png')}/{{method}}/{{pair}}.png"], ["car"])
    assert (folder.name, folder.file(pair("car"))) == ("Mine", tmp_path / "by" / "Mine" / "car.png")
    with pytest.raises(FusionError, match="is called so after any of the 1 pairs"):
        list(folder_results([f"{tmp_path}/{{pair}}_{{method}}.jpg"], ["tree"]))
