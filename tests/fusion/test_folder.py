"""FusedFolder: how NAME=DIR is read, and which file belongs to a pair."""

import pytest

from fusion import FusedFolder, FusionError


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_folder_of_files_called_like_the_pairs(tmp_path):
    touch(tmp_path, "01.png", "02.JPG", "night street.bmp", "夜.tif")
    folder = FusedFolder.parse(f"MyNet={tmp_path}")
    assert folder.name == "MyNet"
    for pair, file in (("01", "01.png"), ("02", "02.JPG"), ("night street", "night street.bmp"), ("夜", "夜.tif")):
        assert folder.find(pair) == tmp_path / file


def test_png_is_preferred_to_lossy_copies(tmp_path):
    touch(tmp_path, "01.jpg", "01.png")
    assert FusedFolder.parse(f"a={tmp_path}").find("01") == tmp_path / "01.png"


def test_only_images_are_found(tmp_path):
    touch(tmp_path, "01.txt", "02/x.png")
    (tmp_path / "03.png").mkdir()
    folder = FusedFolder.parse(f"a={tmp_path}")
    for pair in ("01", "02", "03"):
        with pytest.raises(FusionError, match=rf"a: no fused image {pair}\.\* \(\.png, .*\) in {tmp_path}"):
            folder.find(pair)


@pytest.mark.parametrize(
    ("pattern", "file"),
    [
        ("{pair}_ADF.jpg", "man_ADF.jpg"),
        ("ADF_{pair}.png", "ADF_man.png"),
        ("{pair}/fused.png", "man/fused.png"),
        ("sub/{pair}/{pair}.png", "sub/man/man.png"),
    ],
)
def test_pattern_says_where_the_pair_name_goes(tmp_path, pattern, file):
    touch(tmp_path, file)
    folder = FusedFolder.parse(f"ADF={tmp_path}/{pattern}")
    assert folder.find("man") == tmp_path / file
    with pytest.raises(FusionError, match=r"ADF: no fused image .*car"):
        folder.find("car")


def test_name_ends_at_the_first_equals_sign(tmp_path):
    touch(tmp_path, "k=3/01.png")
    folder = FusedFolder.parse(f"mine={tmp_path}/k=3")
    assert (folder.name, folder.find("01")) == ("mine", tmp_path / "k=3" / "01.png")


def test_home_and_current_folder(tmp_path, monkeypatch):
    touch(tmp_path, "results/01.png", "01_x.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert FusedFolder.parse("a=~/results").find("01") == tmp_path / "results" / "01.png"
    monkeypatch.chdir(tmp_path)
    assert FusedFolder.parse("a=results").find("01").samefile(tmp_path / "results" / "01.png")
    assert FusedFolder.parse("a={pair}_x.png").find("01").samefile(tmp_path / "01_x.png")


@pytest.mark.parametrize("text", ["", "MyNet", "=results", "MyNet=", "/some/folder"])
def test_text_that_is_no_assignment(text):
    with pytest.raises(FusionError, match=r"expected NAME=DIR or 'NAME=DIR/\{pair\}_suffix.png'"):
        FusedFolder.parse(text)


@pytest.mark.parametrize("pattern", ["missing", "missing/{pair}.png", "missing/fused_{pair}.png"])
def test_missing_folder_is_named(tmp_path, pattern):
    with pytest.raises(FusionError, match=f"a: there is no folder {tmp_path}/missing$"):
        FusedFolder.parse(f"a={tmp_path}/{pattern}")


def test_a_file_is_no_folder(tmp_path):
    touch(tmp_path, "fused.png")
    with pytest.raises(FusionError, match="there is no folder"):
        FusedFolder.parse(f"a={tmp_path}/fused.png")
