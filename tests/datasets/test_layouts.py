"""Layouts on tiny trees built here, and on real data where it exists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ivif import datasets
from ivif.datasets import Pair, PairDataset, layouts
from ivif.datasets.catalog import ENTRIES
from ivif.datasets.images import write_png
from ivif.datasets.pairs import PairError

VOC = """<annotation><object><name>{name}</name><difficult>0</difficult>
<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>7</ymax></bndbox></object></annotation>"""


def picture(path: Path, width: int = 8, height: int = 6) -> None:
    """A picture whose content depends on its path."""
    noise = np.random.default_rng(list(str(path).encode())).integers(0, 256, (1, height, width), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, torch.from_numpy(noise))


def pictures(root: Path, *names: str) -> None:
    for name in names:
        picture(root / name)


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def video(path: Path, frames: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 48))
    for index in range(frames):
        writer.write(np.full((48, 64, 3), 20 * index, np.uint8))
    writer.release()


def names(dataset: PairDataset) -> list[str]:
    return [pair.name for pair in dataset]


def files(pair: Pair) -> tuple[str, str]:
    return Path(str(pair.infrared)).name, Path(str(pair.visible)).name


# --- plain folders


@pytest.mark.parametrize(
    ("key", "infrared", "visible"),
    [("vifb", "input/IR", "input/VI"), ("roadscene", "cropinfrared", "crop_LR_visible"), ("tno", "ir", "vi")],
)
@pytest.mark.parametrize("above", ["", "repository-1f2e3d", "archive/repository-1f2e3d"])
def test_two_folders(tmp_path: Path, key: str, infrared: str, visible: str, above: str) -> None:
    root = tmp_path / above
    pictures(root / infrared, "b.png", "a.png", "lonely.png")
    pictures(root / visible, "a.png", "b.png", "stranger.png")
    dataset = datasets.load(key, tmp_path)
    assert (dataset.name, names(dataset)) == (key, ["a", "b"])
    assert Path(str(dataset[0].infrared)) == root / infrared / "a.png"
    assert Path(str(dataset[0].visible)) == root / visible / "a.png"
    assert {item.path.name for item in dataset.unmatched} == {"lonely.png", "stranger.png"}
    assert all("no image called" in item.reason for item in dataset.unmatched)


def test_folder_names_ignore_case_and_hidden_folders(tmp_path: Path) -> None:
    pictures(tmp_path / "Input/ir", "a.png")
    pictures(tmp_path / "Input/Vi", "a.png")
    pictures(tmp_path / "__MACOSX/input/IR", "a.png")
    pictures(tmp_path / "__MACOSX/input/VI", "a.png")
    assert names(layouts.vifb(tmp_path)) == ["a"]


def test_files_that_differ_in_case_only_are_a_pair(tmp_path: Path) -> None:
    pictures(tmp_path / "input/IR", "peopleShadow.png", "man.png", "only.png")
    pictures(tmp_path / "input/VI", "peopleshadow.png", "man.png")
    text(tmp_path / "input/IR/Thumbs.db", "x")
    text(tmp_path / "input/VI/thumbs.db", "x")
    dataset = layouts.vifb(tmp_path)
    assert names(dataset) == ["man", "peopleshadow"]
    assert files(dataset[1]) == ("peopleShadow.png", "peopleshadow.png")
    assert sorted(item.path.name for item in dataset.unmatched) == ["Thumbs.db", "only.png", "thumbs.db"]


def test_a_second_format_of_a_picture_makes_no_second_pair(tmp_path: Path) -> None:
    pictures(tmp_path / "input/IR", "a.bmp", "a.png")
    pictures(tmp_path / "input/VI", "a.bmp", "a.png")
    dataset = layouts.vifb(tmp_path)
    assert [files(pair) for pair in dataset] == [("a.bmp", "a.bmp")]
    assert [item.path.name for item in dataset.unmatched] == ["a.png", "a.png"]


@pytest.mark.parametrize("key", sorted(layouts.LAYOUTS))
def test_an_empty_or_missing_folder_names_what_was_expected(tmp_path: Path, key: str) -> None:
    for root in (tmp_path, tmp_path / "missing"):
        with pytest.raises(PairError, match=r"expected|no .* tree"):
            layouts.LAYOUTS[key](root)


# --- the original TNO archive


def test_figshare_tno_follows_file_names(tmp_path: Path) -> None:
    root = tmp_path / "TNO_Image_Fusion_Dataset"
    pictures(root / "Athena_images/lake", "IR_lake_g.png", "VIS_lake_r.png")
    pictures(root / "Athena_images/heather", "IR_hei_vis_g.png", "VIS_hei_vis_r.png")
    pictures(root / "Athena_images/airplane_in_trees", "ir.png", "vis.png")
    pictures(root / "Athena_images/APC_1/view_1", "IR_fk_06_005.png", "VIS_fk_06_005.png")
    pictures(root / "Athena_images/bunker", "IR_bunker_g.png", "bunker_r.png")
    pictures(root / "DHV_images/wall", "IR_163rad.png", "VIS_163dhvR.png", "NIR_163dhvG.png")
    pictures(root / "Triclobs_images/Farm", "Farm_II.png", "Farm_IR.png", "Farm_Vis.png")
    pictures(root / "Triclobs_images/barbed_wire_1", "B_LWIR.png", "G_NIR.png", "R_Vis.png")
    pictures(root / "Triclobs_images/Kaptein_01", "IR01.png", "NIR01.png", "Vis01.png")
    pictures(root / "tank", "LWIR.png", "Vis.png")
    dataset = layouts.tno(tmp_path)
    assert {pair.name: files(pair) for pair in dataset} == {
        "Athena_images-APC_1-view_1": ("IR_fk_06_005.png", "VIS_fk_06_005.png"),
        "Athena_images-airplane_in_trees": ("ir.png", "vis.png"),
        "Athena_images-bunker": ("IR_bunker_g.png", "bunker_r.png"),
        "Athena_images-heather": ("IR_hei_vis_g.png", "VIS_hei_vis_r.png"),
        "Athena_images-lake": ("IR_lake_g.png", "VIS_lake_r.png"),
        "DHV_images-wall": ("IR_163rad.png", "VIS_163dhvR.png"),
        "Triclobs_images-Farm": ("Farm_IR.png", "Farm_Vis.png"),
        "Triclobs_images-Kaptein_01": ("IR01.png", "Vis01.png"),
        "Triclobs_images-barbed_wire_1": ("B_LWIR.png", "R_Vis.png"),
        "tank": ("LWIR.png", "Vis.png"),
    }
    near = {item.path.name for item in dataset.unmatched}
    assert near == {"NIR_163dhvG.png", "Farm_II.png", "G_NIR.png", "NIR01.png"}
    assert all("no thermal band" in item.reason for item in dataset.unmatched)


def test_figshare_tno_sequences_pair_by_number(tmp_path: Path) -> None:
    fire = tmp_path / "DHV_images/Fire_sequence/part_2"
    pictures(fire / "rad", "RADheli9.png", "RADheli10.png", "RADheli11.png")
    pictures(fire / "dhv", "DHVheli9.png", "DHVheli10.png")
    pictures(tmp_path / "FEL_images/Tree_sequence/thermal", "4900i.png", "4901i.png")
    pictures(tmp_path / "FEL_images/Tree_sequence/visual", "4900v.png", "4901v.png")
    dataset = layouts.tno(tmp_path)
    assert [(pair.name, pair.sequence, pair.frame) for pair in dataset] == [
        ("DHV_images-Fire_sequence-part_2-9", "DHV_images-Fire_sequence-part_2", 0),
        ("DHV_images-Fire_sequence-part_2-10", "DHV_images-Fire_sequence-part_2", 1),
        ("FEL_images-Tree_sequence-4900", "FEL_images-Tree_sequence", 0),
        ("FEL_images-Tree_sequence-4901", "FEL_images-Tree_sequence", 1),
    ]
    assert files(dataset[1]) == ("RADheli10.png", "DHVheli10.png")
    assert [item.path.name for item in dataset.unmatched] == ["RADheli11.png"]


def test_figshare_tno_never_guesses(tmp_path: Path) -> None:
    pictures(tmp_path / "Athena_images/lake", "IR_lake_g.png", "VIS_lake_r.png")
    pictures(tmp_path / "Athena_images/APC_2", "1_fk.png", "2_fk.png")
    pictures(tmp_path / "Triclobs_images/Balls", "NIR.png", "VIS.png")
    dataset = layouts.tno(tmp_path)
    assert names(dataset) == ["Athena_images-lake"]
    reasons = {item.path.name: item.reason for item in dataset.unmatched}
    assert sorted(reasons) == ["1_fk.png", "2_fk.png", "NIR.png", "VIS.png"]
    assert "neither infrared" in reasons["1_fk.png"]
    assert "no unique partner" in reasons["VIS.png"]


# --- labelled stills


def test_msrs_labels_splits_and_light(tmp_path: Path) -> None:
    for split, stems in {"test": ("00633D", "00881N"), "train": ("00007D",), "detection": ("633",)}.items():
        for band in ("ir", "vi"):
            for stem in stems:
                picture(tmp_path / split / band / f"{stem}.png", width=40, height=20)
    text(tmp_path / "detection/labels/633.txt", "0 0.5 0.5 0.2 0.4\n1 0.25 0.5 0.5 1.0\n")
    text(tmp_path / "detection/labels/00007D.txt", "2 0.5 0.5 0.1 0.1\n")
    everything = datasets.load("msrs", tmp_path)
    assert names(everything) == ["00633D", "00881N", "00007D"]
    assert [pair.tags for pair in everything] == [("day",), ("night",), ("day",)]
    boxes = everything[0].boxes
    assert boxes is not None
    assert boxes.labels == ("person", "car")
    np.testing.assert_allclose(boxes.xyxy, [[16, 6, 24, 14], [0, 0, 20, 20]])
    assert everything[1].boxes is None
    assert everything[2].boxes is not None
    assert everything[2].boxes.labels == ("2",)
    assert names(datasets.load("msrs", tmp_path, split="train")) == ["00007D"]
    detection = datasets.load("msrs", tmp_path, split="detection")
    assert [len(pair.boxes or ()) for pair in detection] == [2]
    with pytest.raises(PairError, match="no split 'val'; found detection, test, train"):
        datasets.load("msrs", tmp_path, split="val")


def test_a_broken_label_file_is_told_and_costs_no_pair(tmp_path: Path) -> None:
    pictures(tmp_path / "test", "ir/00001D.png", "vi/00001D.png")
    text(tmp_path / "detection/labels/1.txt", "0 0.5 oops 0.2 0.4\n")
    dataset = layouts.msrs(tmp_path)
    assert dataset[0].boxes is None
    assert [item.path.name for item in dataset.unmatched] == ["1.txt"]
    assert "oops" in dataset.unmatched[0].reason


def test_m3fd_flat(tmp_path: Path) -> None:
    pictures(tmp_path, "ir/00000.png", "vis/00000.png", "ir/00001.png", "vis/00001.png")
    text(tmp_path / "annotation/00000.xml", VOC.format(name="People"))
    dataset = layouts.m3fd(tmp_path)
    assert names(dataset) == ["00000", "00001"]
    boxes = dataset[0].boxes
    assert boxes is not None
    assert boxes.labels == ("person",)
    assert boxes.xyxy.tolist() == [[1, 2, 5, 7]]
    assert dataset[1].boxes is None


def test_m3fd_parts_count_from_zero_each(tmp_path: Path) -> None:
    pictures(tmp_path / "M3FD_Detection", "Ir/00000.png", "Vis/00000.png")
    pictures(tmp_path / "M3FD_Fusion", "Ir/00000.png", "Vis/00000.png")
    text(tmp_path / "M3FD_Detection/Annotation/00000.xml", VOC.format(name="Car"))
    dataset = datasets.load("m3fd", tmp_path)
    assert names(dataset) == ["M3FD_Detection-00000", "M3FD_Fusion-00000"]
    assert dataset[0].boxes is not None
    assert dataset[0].boxes.labels == ("car",)
    assert dataset[1].boxes is None
    assert names(datasets.load("m3fd", tmp_path, split="fusion")) == ["00000"]
    with pytest.raises(PairError, match="detection and fusion"):
        datasets.load("m3fd", tmp_path, split="train")


def test_m3fd_sorted_by_scene(tmp_path: Path) -> None:
    for scene in ("Challenge/Beach", "Night/Basement"):
        pictures(tmp_path / "M3FD" / scene, "Ir/00007.png", "Vis/00007.png")
    dataset = layouts.m3fd(tmp_path / "M3FD")
    assert names(dataset) == ["Challenge-Beach-00007", "Night-Basement-00007"]


def test_llvip_splits_and_labels(tmp_path: Path) -> None:
    for band in ("infrared", "visible"):
        pictures(tmp_path / band, "train/010001.png", "test/190001.png")
    text(tmp_path / "Annotations/190001.xml", VOC.format(name="person"))
    dataset = datasets.load("llvip", tmp_path)
    assert names(dataset) == ["010001", "190001"]
    assert dataset[0].boxes is None
    assert dataset[1].boxes is not None
    assert dataset[1].boxes.labels == ("person",)
    assert names(datasets.load("llvip", tmp_path, split="test")) == ["190001"]


# --- videos


def write_m3svd(root: Path) -> None:
    video(root / "infrared/0113_1714.mp4", 6)
    video(root / "visible/0113_1714.mp4", 6)
    video(root / "infrared/0117_1605.mp4", 4)
    video(root / "visible/0117_1605.mp4", 3)
    video(root / "infrared/lonely.mp4", 2)
    text(root / "gt/0113_1714/gt.txt", "1,7,10,20,4,8,1,1,1.0\n3,7,11,20,4,8,1,1,0.5\n3,9,0,0,2,2,0,8,0.2\n")


def test_m3svd_frames_and_tracks(tmp_path: Path) -> None:
    write_m3svd(tmp_path)
    dataset = datasets.load("m3svd", tmp_path)
    first = [pair for pair in dataset if pair.sequence == "0113_1714"]
    assert [pair.name for pair in first] == [f"0113_1714-{index:06d}" for index in range(6)]
    assert [pair.frame for pair in first] == list(range(6))
    counts = [None if pair.boxes is None else len(pair.boxes) for pair in first]
    assert counts == [1, 0, 2, None, None, None]
    boxes = first[2].boxes
    assert boxes is not None
    assert boxes.ids.tolist() == [7, 9]
    assert boxes.ignore.tolist() == [False, True]
    assert boxes.xyxy[0].tolist() == [11, 20, 15, 28]
    assert abs(int(first[3].visible.read().float().mean()) - 60) <= 3
    second = [pair for pair in dataset if pair.sequence == "0117_1605"]
    assert [pair.boxes for pair in second] == [None, None, None]
    reasons = {item.path.name: item.reason for item in dataset.unmatched}
    assert "4 frames, its partner has 3" in reasons["0117_1605.mp4"]
    assert "no video called 'lonely'" in reasons["lonely.mp4"]


def test_m3svd_labelled_length_comes_from_seqinfo(tmp_path: Path) -> None:
    write_m3svd(tmp_path)
    text(tmp_path / "gt/0113_1714/seqinfo.ini", "[Sequence]\nname=0113_1714\nseqLength=5\n")
    dataset = datasets.load("m3svd", tmp_path, clips=["0113_1714"])
    counts = [None if pair.boxes is None else len(pair.boxes) for pair in dataset]
    assert counts == [1, 0, 2, 0, 0, None]


def test_m3svd_stride_and_clips(tmp_path: Path) -> None:
    write_m3svd(tmp_path)
    assert names(datasets.load("m3svd", tmp_path, clips=["0113_1714"], stride=3)) == [
        "0113_1714-000000",
        "0113_1714-000003",
    ]
    with pytest.raises(PairError, match="no clip 9999; there are 0113_1714, 0117_1605"):
        datasets.load("m3svd", tmp_path, clips=["9999"])
    with pytest.raises(PairError, match="stride must be 1 or more"):
        datasets.load("m3svd", tmp_path, stride=0)


# --- load


def test_every_catalog_entry_has_a_layout() -> None:
    assert {entry.key for entry in ENTRIES if not entry.rendered} == set(layouts.LAYOUTS)
    assert {entry.key for entry in ENTRIES if entry.rendered} == {"synthetic", "challenge"}
    assert datasets.names() == [entry.key for entry in ENTRIES]


def test_facts_of_the_catalog_are_complete() -> None:
    for entry in ENTRIES:
        assert entry.licence
        assert entry.tree
        assert entry.description
        assert str(entry.citation.year) in str(entry.citation)
        assert entry.rendered or (entry.homepage.startswith("https://") and entry.manual)
        assert all(file.url.startswith("https://") for file in entry.files)
        assert all(file.sha256 is None or len(file.sha256) == 64 for file in entry.files)


@pytest.mark.parametrize("folder", ["VIFB", "vifb"])
def test_load_looks_below_ivif_data_and_then_among_downloads(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVIF_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path / "cache"))
    pictures(tmp_path / "cache/data/vifb/VIFB/input", "IR/cached.png", "VI/cached.png")
    assert names(datasets.load("vifb")) == ["cached"]
    pictures(tmp_path / "data" / folder / "input", "IR/own.png", "VI/own.png")
    assert names(datasets.load("VIFB")) == ["own"]
    assert names(datasets.load("vifb", tmp_path / "cache/data")) == ["cached"]


def test_load_tells_the_commands_that_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVIF_DATA", str(tmp_path))
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path))
    with pytest.raises(PairError, match=r"python -m datasets download vifb.*--root DIR.*IVIF_DATA"):
        datasets.load("vifb")
    with pytest.raises(PairError, match=r"python -m datasets show llvip.*by hand"):
        datasets.load("llvip")
    with pytest.raises(PairError, match=r"VIFB is not in .*missing"):
        datasets.load("vifb", tmp_path / "missing")


def test_load_refuses_unknown_names_and_options(tmp_path: Path) -> None:
    with pytest.raises(PairError, match=r"no data set 'kaist'; there are synthetic, challenge, tno"):
        datasets.load("kaist")
    with pytest.raises(PairError, match="m3svd has no option stide; it has stride, clips"):
        datasets.load("m3svd", tmp_path, stide=2)
    with pytest.raises(PairError, match="tno has no option split; it has none"):
        datasets.load("tno", tmp_path, split="test")


# --- real data


@pytest.mark.real
@pytest.mark.parametrize(
    ("key", "title", "count"),
    [
        ("vifb", "VIFB", 21),
        ("roadscene", "RoadScene", 221),
        ("tno", "TNO", 40),
        ("msrs", "MSRS", 5),
        ("llvip", "LLVIP", 9),
    ],
)
def test_real_counts(real_folder: Callable[[str], Path], key: str, title: str, count: int) -> None:
    dataset = datasets.load(key, real_folder(title))
    assert len(dataset) == count
    assert dataset.unmatched == ()
    infrared, visible = dataset[0].read()
    assert infrared.shape[1:] == visible.shape[1:]


@pytest.mark.real
def test_real_msrs_labels(real_folder: Callable[[str], Path]) -> None:
    labelled = [pair for pair in datasets.load("msrs", real_folder("MSRS")) if pair.boxes is not None]
    assert [pair.name for pair in labelled] == ["00633D"]
    boxes = labelled[0].boxes
    assert boxes is not None
    assert boxes.labels == ("person", "person")
    np.testing.assert_allclose(boxes.width, [61, 59], atol=0.01)
    np.testing.assert_allclose(boxes.height, [163, 154], atol=0.01)


@pytest.mark.real
def test_real_llvip_labels(real_folder: Callable[[str], Path]) -> None:
    dataset = datasets.load("llvip", real_folder("LLVIP"))
    assert sum(len(pair.boxes or ()) for pair in dataset) == 45
    assert {label for pair in dataset for label in (pair.boxes.labels if pair.boxes else ())} == {"person"}


@pytest.mark.real
def test_real_m3svd_tracks(real_folder: Callable[[str], Path]) -> None:
    dataset = datasets.load("m3svd", real_folder("M3SVD"))
    clips = sorted({pair.sequence or "" for pair in dataset})
    assert clips == ["0113_1714", "0117_1605", "1230_1202"]
    frames = {clip: [pair for pair in dataset if pair.sequence == clip] for clip in clips}
    labelled = {clip: [pair.frame for pair in pairs if pair.boxes is not None] for clip, pairs in frames.items()}
    assert labelled == {"0113_1714": list(range(280)), "0117_1605": list(range(221)), "1230_1202": []}
    assert len(frames["0117_1605"]) == 407
    assert frames["0117_1605"][0].read().infrared.shape == (1, 480, 640)
