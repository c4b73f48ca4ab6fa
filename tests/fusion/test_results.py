"""Results: how what takes part is named, which file belongs to a pair, and when a result is still the same."""

from pathlib import Path

import pytest
import torch

from ivif.datasets.images import read_image, write_png
from ivif.datasets.pairs import ImageFile, Pair
from ivif.fusion import FolderResults, FusionError, MethodResults
from ivif.fusion.loading import network_of
from ivif.fusion.results import StoredResults, parse
from ivif.fusion.weights import SHIPPED_FOLDER
from ivif.fusion.weights.manifest import read_manifest


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def file_of(results: FolderResults, name: str) -> Path:
    return results.file(Pair(name, ImageFile(Path("ir.png")), ImageFile(Path("vi.png"))))


def test_folder_of_files_called_like_the_pairs(tmp_path):
    touch(tmp_path, "01.png", "02.JPG", "night street.bmp", "夜.tif")
    folder = FolderResults.parse(f"MyNet={tmp_path}")
    assert folder.name == "MyNet"
    for pair, file in (("01", "01.png"), ("02", "02.JPG"), ("night street", "night street.bmp"), ("夜", "夜.tif")):
        assert file_of(folder, pair) == tmp_path / file


def test_only_images_are_found(tmp_path):
    touch(tmp_path, "01.txt", "02/x.png")
    (tmp_path / "03.png").mkdir()
    folder = FolderResults.parse(f"a={tmp_path}")
    for pair in ("01", "02", "03"):
        with pytest.raises(FusionError, match=rf"a: no fused image {pair}\.\* \(\.png, .*\) in {tmp_path}"):
            file_of(folder, pair)


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
    folder = FolderResults.parse(f"ADF={tmp_path}/{pattern}")
    assert file_of(folder, "man") == tmp_path / file
    with pytest.raises(FusionError, match=r"ADF: no fused image .*car"):
        file_of(folder, "car")


def test_name_ends_at_the_first_equals_sign(tmp_path):
    touch(tmp_path, "k=3/01.png")
    folder = FolderResults.parse(f"mine={tmp_path}/k=3")
    assert (folder.name, file_of(folder, "01")) == ("mine", tmp_path / "k=3" / "01.png")


def test_home_and_current_folder(tmp_path, monkeypatch):
    touch(tmp_path, "results/01.png", "01_x.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert file_of(FolderResults.parse("a=~/results"), "01") == tmp_path / "results" / "01.png"
    monkeypatch.chdir(tmp_path)
    assert file_of(FolderResults.parse("a=results"), "01").samefile(tmp_path / "results" / "01.png")
    assert file_of(FolderResults.parse("a={pair}_x.png"), "01").samefile(tmp_path / "01_x.png")


@pytest.mark.parametrize("text", ["", "MyNet", "=results", "MyNet=", "/some/folder"])
def test_text_that_is_no_assignment(text):
    with pytest.raises(FusionError, match=r"expected NAME=DIR or 'NAME=DIR/\{pair\}_suffix.png'"):
        FolderResults.parse(text)


@pytest.mark.parametrize("pattern", ["missing", "missing/{pair}.png", "missing/fused_{pair}.png"])
def test_missing_folder_is_named(tmp_path, pattern):
    with pytest.raises(FusionError, match=f"a: there is no folder {tmp_path}/missing$"):
        FolderResults.parse(f"a={tmp_path}/{pattern}")


def test_a_file_is_no_folder(tmp_path):
    touch(tmp_path, "fused.png")
    with pytest.raises(FusionError, match="there is no folder"):
        FolderResults.parse(f"a={tmp_path}/fused.png")


@pytest.fixture
def pair(tmp_path) -> Pair:
    generator = torch.Generator().manual_seed(0)
    for band, channels in (("ir", 1), ("vi", 3)):
        image = torch.randint(0, 256, (channels, 20, 24), generator=generator, dtype=torch.uint8)
        write_png(tmp_path / band / "man.png", image)
    return Pair("man", ImageFile(tmp_path / "ir" / "man.png"), ImageFile(tmp_path / "vi" / "man.png"))


def test_a_plain_name_is_a_method():
    found = parse("sdnet+rts", "cuda:1", colour=False)
    assert found == MethodResults("sdnet+rts", "sdnet+rts", "cuda:1", False)
    assert parse("mine:Net").name == "mine:Net"


def test_after_a_network_a_file_is_weights_and_a_folder_of_images_is_results(tmp_path, monkeypatch):
    touch(
        tmp_path, "mine.safetensors", "images/01.png", "checkpoint/model.index", "checkpoint/model.data-00000-of-00001"
    )
    monkeypatch.chdir(tmp_path)
    weights = f"sdnet+mine={tmp_path}/mine.safetensors"
    assert parse("sdnet+mine=mine.safetensors") == MethodResults("sdnet+mine", weights)
    assert parse("sdnet=missing.pt").text == f"sdnet={tmp_path}/missing.pt"
    assert parse("sdnet=checkpoint").text == f"sdnet={tmp_path}/checkpoint"
    assert parse("sdnet=images") == FolderResults("sdnet", f"{tmp_path}/images")
    assert parse("sdnet=images/{pair}.png") == FolderResults("sdnet", f"{tmp_path}/images/{{pair}}.png")
    assert parse("mine:Net=mine.safetensors") == MethodResults("mine:Net", f"mine:Net={tmp_path}/mine.safetensors")
    assert parse("GTF=images").text == f"GTF={tmp_path}/images"
    with pytest.raises(FusionError, match=r"GTF: there is no folder mine\.safetensors"):
        parse("GTF=mine.safetensors")


def test_what_a_text_means_is_the_same_in_every_folder(tmp_path, monkeypatch):
    touch(tmp_path, "images/01.png")
    monkeypatch.chdir(tmp_path)
    texts = ["gff", "pkg.mod:Class", "sdnet+x=x.safetensors", "GTF=images", "GTF=images/{pair}_x.png"]
    found = [parse(text) for text in texts]
    monkeypatch.chdir("/")
    assert [parse(results.text) for results in found] == found


@pytest.mark.parametrize("text", ["", "=results", "MyNet="])
def test_text_that_names_nothing(text):
    with pytest.raises(FusionError, match="expected a method, NAME=FILE"):
        parse(text)


def test_colour_is_put_back_or_left_out(pair):
    coloured, grey = (MethodResults("average", "average", colour=colour).image(pair) for colour in (True, False))
    assert (coloured.shape, grey.shape) == ((3, 20, 24), (1, 20, 24))
    infrared, visible = pair.read()
    luma = (299 * visible[0].int() + 587 * visible[1].int() + 114 * visible[2].int() + 500) // 1000
    assert (grey[0] - (infrared[0].int() + luma) / 2).abs().max() <= 0.5


def test_results_are_written_once_and_found_again(pair, tmp_path):
    stored = StoredResults(MethodResults("average", "average"), str(tmp_path / "out" / "{pair}.{key}.png"))
    with pytest.raises(FusionError, match="average: no fused image"):
        stored.image(pair)
    made = stored.make(pair)
    assert torch.equal(read_image(stored.file(pair)), made)
    assert stored.file(pair).name.startswith("man.")
    before = stored.file(pair).stat().st_mtime_ns
    assert torch.equal(stored.make(pair), made)
    assert stored.file(pair).stat().st_mtime_ns == before
    stored.file(pair).write_bytes(b"damaged")
    assert torch.equal(stored.make(pair), made)


def test_a_changed_source_or_file_is_another_result(pair, tmp_path):
    write_png(tmp_path / "fused" / "man.png", torch.zeros(1, 20, 24, dtype=torch.uint8))
    every = [parse("average"), parse("average", colour=False), parse("maximum"), parse(f"mine={tmp_path}/fused")]
    before = [results.fingerprint(pair) for results in every]
    assert len(set(before)) == len(every)
    assert [results.fingerprint(pair, pair.fingerprint()) for results in every] == before
    write_png(tmp_path / "fused" / "man.png", torch.ones(1, 20, 24, dtype=torch.uint8))
    assert every[3].fingerprint(pair) != before[3]
    write_png(pair.infrared.path, torch.zeros(1, 20, 24, dtype=torch.uint8))
    assert not set(before) & {results.fingerprint(pair) for results in every}


def test_only_one_result_of_a_pair_is_kept(pair, tmp_path):
    stored = StoredResults(MethodResults("average", "average"), str(tmp_path / "{pair}.{key}.png"))
    stored.make(pair)
    write_png(pair.infrared.path, torch.zeros(1, 20, 24, dtype=torch.uint8))
    touch(tmp_path, "man2.123456789abc.png", "man.png")
    stored.make(pair)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        stored.file(pair).name,
        "man.png",
        "man2.123456789abc.png",
    ]


def test_pinned_methods_know_their_code_and_weights():
    results = parse("average")
    assert results.pinned().version == results.method.fingerprint()
    with pytest.raises(FusionError, match="no method 'nothing'"):
        parse("nothing").pinned()


def test_seeds_are_set_apart_in_names(tmp_path):
    """``.sN`` after the network is no part of its name, and ``.s1`` alone no network."""
    assert [network_of(name) for name in ("pmgi.s1+rts", "pmgi.s12", "pmgi+rts", "mine.s1:Net.s2")] == [
        *("pmgi", "pmgi", "pmgi", "mine.s1:Net")
    ]
    found = parse(f"pmgi.s1+rts={SHIPPED_FOLDER / 'pmgi+rts.safetensors'}")
    assert isinstance(found, MethodResults) and found.name == found.method.name == "pmgi.s1+rts"
    with pytest.raises(FusionError, match="there is no folder"):
        parse(f"pmgi.x1+rts={SHIPPED_FOLDER / 'pmgi+rts.safetensors'}")


def test_what_is_pinned_knows_how_long_it_was_trained():
    """As the file beside the weights says; methods without weights have no share."""
    recipe = read_manifest(SHIPPED_FOLDER / "pmgi.safetensors").recipe
    assert parse("pmgi").pinned().trained_share == recipe["share_of_published_pixels"] < 1
    assert parse("average").pinned().trained_share is None
