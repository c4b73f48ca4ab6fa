"""Pairs: how two folders become pairs, what is said about files left over, and frames of videos."""

import re
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from ivif.datasets.images import ImageError
from ivif.datasets.labels import own_pairs
from ivif.datasets.pairs import ImageFile, Pair, PairDataset, PairError, VideoFrame, pair_folders, video_length


def save(path, value=0, size=(6, 4), colour=False):
    """A flat picture of `size` = (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.full((size[1], size[0], 3) if colour else (size[1], size[0]), value, dtype=np.uint8)
    if colour:
        array[..., 0] = 255 - value
    Image.fromarray(array).save(path)
    return path


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "ir").mkdir()
    (tmp_path / "vi").mkdir()
    return tmp_path / "ir", tmp_path / "vi"


def test_pairs_are_made_by_stem_in_order(folders):
    infrared, visible = folders
    for name in ("b", "a", "10", "夜 1"):
        save(infrared / f"{name}.png", 7)
        save(visible / f"{name}.bmp", 200, colour=True)
    data = pair_folders(infrared, visible, name="mine")
    assert data.name == "mine"
    assert [pair.name for pair in data] == ["10", "a", "b", "夜 1"]
    assert data.unmatched == ()
    pictures = data[0].read()
    assert (pictures.infrared.shape, pictures.visible.shape) == ((1, 4, 6), (3, 4, 6))
    assert pictures.infrared.unique().tolist() == [7]
    assert pictures.visible[:, 0, 0].tolist() == [55, 200, 200]


def test_every_file_left_over_has_its_reason(folders):
    infrared, visible = folders
    for path in (infrared / "1.png", visible / "1.png", infrared / "2.png", visible / "3.png", visible / "1.jpg"):
        save(path)
    (infrared / "notes.txt").write_text("")
    (infrared / ".hidden.png").write_text("")
    (infrared / "folder.png").mkdir()
    data = pair_folders(infrared, visible)
    assert [pair.name for pair in data] == ["1"]
    assert data[0].visible == ImageFile(visible / "1.jpg")
    reasons = {(f"{item.path.parent.name}/{item.path.name}", item.reason.split(" (")[0]) for item in data.unmatched}
    assert reasons == {
        ("ir/notes.txt", "not an image"),
        ("ir/2.png", f"no image called '2' in {visible}"),
        ("vi/3.png", f"no image called '3' in {infrared}"),
        ("vi/1.png", "same stem as 1.jpg, which is taken"),
    }


def test_empty_folders_make_no_pairs(folders):
    with pytest.raises(PairError, match=r"no pairs: 0 images in .*ir, 0 in .*vi, none with the same file stem"):
        pair_folders(*folders)


def test_folders_without_a_common_name_make_no_pairs(folders):
    save(folders[0] / "1_ir.png")
    save(folders[1] / "1_vi.png")
    with pytest.raises(PairError, match=r"no pairs: 1 images in .*, 1 in .*--infrared '.*ir/{pair}_ir.png' --visible"):
        pair_folders(*folders)


def test_folders_without_a_rule_are_told_of_patterns(folders):
    save(folders[0] / "cat.png")
    save(folders[1] / "dog.png")
    with pytest.raises(PairError, match="give the two files of a pair one name, or patterns such as --infrared"):
        pair_folders(*folders)


CAMERAS = {
    "suffixes": ("{}_ir.png", "{}_vi.png"),
    "FLIR": ("FLIR_{}_PreviewData.jpeg", "FLIR_{}_RGB.jpg"),
    "prefixes": ("IR{}.png", "VIS{}.png"),
    "folders of pairs": ("{}/thermal.png", "{}/rgb.png"),
    "upper case": ("{}-IR.PNG", "{}-VI.PNG"),
}


@pytest.mark.parametrize(("infrared", "visible"), CAMERAS.values(), ids=CAMERAS)
def test_both_cameras_in_one_folder_are_told_apart_by_patterns(tmp_path, infrared, visible):
    for number in ("0001", "0002"):
        save(tmp_path / infrared.format(number), 10)
        save(tmp_path / visible.format(number), 200)
    data = pair_folders(*(tmp_path / pattern.replace("{}", "{pair}") for pattern in (infrared, visible)))
    assert [pair.name for pair in data] == ["0001", "0002"]
    assert all(pair.read().infrared.unique().tolist() == [10] for pair in data)
    assert all(pair.read().visible.unique().tolist() == [200] for pair in data)


@pytest.mark.parametrize("names", [CAMERAS[key] for key in ("suffixes", "FLIR", "prefixes", "upper case")])
def test_a_picture_is_never_paired_with_itself(tmp_path, names):
    for number in ("0001", "0002", "0003"):
        for name in names:
            save(tmp_path / name.format(number))
    with pytest.raises(PairError, match="infrared and visible are the same place") as told:
        pair_folders(tmp_path, tmp_path / "." / ".." / tmp_path.name)
    patterns = re.findall(r"--(?:infrared|visible) '([^']*)'", str(told.value))
    found = pair_folders(*patterns)
    assert len(found) == 3
    assert [pair.infrared.path.name for pair in found] == [names[0].format(f"000{number}") for number in (1, 2, 3)]


def test_a_link_to_the_infrared_picture_is_no_visible_one(folders):
    save(folders[0] / "1.png")
    (folders[1] / "1.png").symlink_to(folders[0] / "1.png")
    for value, place in enumerate(folders):
        save(place / "2.png", value)
    data = pair_folders(*folders)
    assert [pair.name for pair in data] == ["2"]
    assert data.unmatched == ((folders[0] / "1.png", "infrared and visible are the same file"),)


def test_copies_of_the_infrared_picture_are_told(folders):
    for name, value in (("1", 0), ("2", 0), ("3", 9)):
        save(folders[0] / f"{name}.png")
        save(folders[1] / f"{name}.png", value)
    told = [item.reason for item in pair_folders(*folders).unmatched]
    assert told == ["infrared and visible are copies of one file (2 such pairs)"]


def test_files_that_are_no_pictures_are_named_where_there_is_none(folders):
    for place in folders:
        np.save(place / "1.npy", np.zeros((2, 2)))
    with pytest.raises(PairError, match=r"no pairs: 0 images in .*1\.npy: not an image \(\.png"):
        pair_folders(*folders)


def test_two_scenes_in_one_folder_are_not_taken_for_two_cameras(tmp_path):
    for scene in ("a", "b"):
        for camera in ("IR", "VIS", "left", "right"):
            save(tmp_path / f"{scene}_{camera}.png")
    with pytest.raises(PairError, match=r"--infrared '[^']*/\{pair\}_IR\.png' --visible '[^']*/\{pair\}_"):
        pair_folders(tmp_path, tmp_path)
    for path in tmp_path.glob("*I*.png"):
        path.unlink()
    with pytest.raises(PairError, match="name each camera's files by a pattern"):
        pair_folders(tmp_path, tmp_path)


def test_letters_and_their_accents_may_be_stored_apart(folders):
    save(folders[0] / (unicodedata.normalize("NFC", "Brücke é") + ".png"))
    save(folders[1] / (unicodedata.normalize("NFD", "Brücke é") + ".png"), 9)
    data = pair_folders(*folders)
    assert [pair.name for pair in data] == [unicodedata.normalize("NFC", "Brücke é")]
    assert data.unmatched == ()


def test_case_decides_only_where_it_must(folders):
    for name in ("A", "b", "C", "c"):
        save(folders[0] / f"{name}.png")
    for name in ("a", "B", "C"):
        save(folders[1] / f"{name}.png", 9)
    data = pair_folders(*folders)
    assert [pair.name for pair in data] == ["B", "C", "a"]
    assert [item.path.name for item in data.unmatched] == ["c.png"]


def test_folders_of_folders(folders):
    for place in folders:
        for name in ("night/1", "night/2", "day/1"):
            save(place / f"{name}.png")
    assert [pair.name for pair in pair_folders(*folders)] == ["day-1", "night-1", "night-2"]


def test_bands_and_pages_of_one_file_make_a_pair(tmp_path):
    stack = np.stack([np.full((4, 6), level) for level in (10, 20, 30, 200)], axis=-1).astype(np.uint8)
    Image.fromarray(stack).save(tmp_path / "00001D.png")
    (pair,) = pair_folders(f"{tmp_path}#band=4", f"{tmp_path}#band=1-3")
    assert pair.read().infrared.unique().tolist() == [200]
    assert pair.read().visible[:, 0, 0].tolist() == [10, 20, 30]
    (other,) = pair_folders(f"{tmp_path}#band=1", f"{tmp_path}#band=1-3")
    assert pair.infrared.fingerprint() != other.infrared.fingerprint()
    with pytest.raises(ImageError, match="expected #page=N, #band=N"):
        pair_folders(f"{tmp_path}#band=two", tmp_path)


def deep(path, *levels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array([levels], dtype=np.uint16)).save(path)


def test_a_range_of_a_place_stays_its_own(folders):
    deep(folders[0] / "1.png", 1000, 2000)
    deep(folders[1] / "1.png", 0, 500)
    (pair,) = pair_folders(f"{folders[0]}#range=1000:2000", folders[1]).with_range((0, 1000))
    assert pair.read().infrared.tolist() == [[[0, 255]]]
    assert pair.read().visible.tolist() == [[[0, 128]]]


def test_a_range_can_be_measured_for_each_camera(folders):
    """All pictures of a camera together: 0.5 % of 0, 1, ... 1000 lie below 5, as many above 995."""
    for number, start in enumerate((0, 500)):
        deep(folders[0] / f"{number}.png", *range(start, 501 + start))
        save(folders[1] / f"{number}.png", size=(501, 1))
    data = pair_folders(*folders).with_range("auto")
    low, high = data[0].infrared.value_range
    assert data[1].infrared.value_range == (low, high)
    assert (low, high) == pytest.approx((5, 995), abs=1.1)
    assert data[0].visible.value_range is None


def film(path, count, rate=25.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (64, 48))
    for number in range(count):
        writer.write(np.full((48, 64, 3), 10 * number, dtype=np.uint8))
    writer.release()
    return path


def test_two_films_are_a_sequence(tmp_path):
    data = pair_folders(film(tmp_path / "walk_ir.mp4", 3), film(tmp_path / "walk.mp4", 3))
    assert [(pair.name, pair.sequence, pair.frame) for pair in data] == [
        (f"walk-{number:06d}", "walk", number) for number in range(3)
    ]
    assert abs(int(data[2].read().visible[0, 20, 20]) - 20) <= 3


def test_two_films_of_one_name_are_called_so(tmp_path):
    films = film(tmp_path / "infrared" / "walk.mp4", 2), film(tmp_path / "visible" / "walk.mp4", 2)
    assert own_pairs(*films).name == "walk"


def test_folders_of_films_are_sequences_and_what_differs_is_told(folders):
    for name, counts, rates in (("a", (2, 2), (25, 25)), ("b", (4, 3), (30, 25))):
        for place, count, rate in zip(folders, counts, rates, strict=True):
            film(place / f"{name}.avi".replace("avi", "mp4"), count, rate)
    film(folders[0] / "c.mp4", 1)
    data = pair_folders(*folders)
    assert [pair.name for pair in data] == ["a-000000", "a-000001", "b-000000", "b-000001", "b-000002"]
    told = [item.reason for item in data.unmatched]
    assert any("4 frames, its partner has 3" in text for text in told)
    assert any("30 frames a second, its partner 25" in text for text in told)
    assert any("no video called 'c'" in text for text in told)


def test_a_film_is_not_paired_with_itself(tmp_path):
    path = film(tmp_path / "a.mp4", 2)
    with pytest.raises(PairError, match="same film"):
        pair_folders(path, path)
    copy = tmp_path / "b.mp4"
    copy.write_bytes(path.read_bytes())
    told = [item.reason for item in pair_folders(path, copy).unmatched]
    assert told == ["infrared and visible are copies of one film"]


def test_missing_folder_and_file_instead_of_folder(folders):
    with pytest.raises(PairError, match=r"gone: cannot be listed \(No such file or directory\)"):
        pair_folders(folders[0], folders[1] / "gone")
    with pytest.raises(PairError, match=r"a.png: cannot be listed \(Not a directory\)"):
        pair_folders(save(folders[0] / "a.png"), folders[1])


def test_unreadable_folder_is_named(folders, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)  # a real one would not stop tests that run as root
    with pytest.raises(PairError, match=r"ir: cannot be listed \(Permission denied\)"):
        pair_folders(*folders)


def test_sources_of_different_size_are_named_with_both_sizes(folders):
    save(folders[0] / "1.png", size=(6, 4))
    save(folders[1] / "1.png", size=(8, 5))
    with pytest.raises(PairError, match="1: infrared is 6x4, visible 8x5; register and crop them to one size"):
        pair_folders(*folders)[0].read()


def test_an_unreadable_picture_is_named(folders):
    save(folders[0] / "1.png")
    (folders[1] / "1.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"vi/1.png: the file is empty"):
        pair_folders(*folders)[0].read()


def test_colour_infrared_becomes_luminance_and_equal_channels_grey(folders):
    save(folders[0] / "1.png", 55, colour=True)  # (200, 55, 55): 0.299 * 200 + 0.701 * 55 = 98.355
    Image.fromarray(np.full((4, 6, 3), 9, dtype=np.uint8)).save(folders[1] / "1.png")
    pictures = pair_folders(*folders)[0].read()
    assert pictures.infrared.unique().tolist() == [98]
    assert (pictures.visible.shape, pictures.visible.unique().tolist()) == ((1, 4, 6), [9])


def test_declared_range_reaches_both_sources(folders):
    for folder in folders:
        Image.fromarray(np.full((4, 6), 500, dtype=np.uint16)).save(folder / "1.png")
    pictures = pair_folders(*folders).with_range((0, 1000))[0].read()
    assert pictures.infrared.unique().tolist() == pictures.visible.unique().tolist() == [128]  # 127.5


def test_fingerprint_of_a_pair_follows_both_contents_and_the_range(folders):
    infrared, visible = save(folders[0] / "1.png"), save(folders[1] / "1.png")

    def fingerprint(value_range=None):
        return pair_folders(*folders).with_range(value_range)[0].fingerprint()

    prints = [fingerprint(), fingerprint((0, 9)), fingerprint((0, 8))]
    save(infrared, 1)
    prints.append(fingerprint())
    save(visible, 1)
    prints.append(fingerprint())
    assert len(set(prints)) == 5
    assert fingerprint() == prints[-1]


def test_fingerprint_of_a_missing_file_is_an_image_error(tmp_path):
    for source in (ImageFile(tmp_path / "gone.png"), VideoFrame(tmp_path / "gone.avi", 0)):
        with pytest.raises(ImageError, match=r"gone.* cannot be read"):
            source.fingerprint()


def dataset(*names):
    source = ImageFile(Path("nowhere.png"))
    return PairDataset("mine", tuple(Pair(name, source, source) for name in names))


def test_dataset_is_a_sequence():
    data = dataset("a", "b", "c")
    assert len(data) == 3
    assert data[1].name == data[-2].name == "b"
    assert [pair.name for pair in data[1:]] == ["b", "c"]
    assert isinstance(data[1:], PairDataset)
    assert data[0] in data


def test_select_takes_the_order_asked_for():
    assert [pair.name for pair in dataset("a", "b", "c").select(["c", "a"])] == ["c", "a"]
    with pytest.raises(PairError, match="mine has no pair d, e; it has a, b, c"):
        dataset("a", "b", "c").select(["a", "d", "e"])


def test_names_in_a_dataset_are_unique():
    with pytest.raises(PairError, match="mine: pair names must be unique, found twice: a, c"):
        dataset("a", "c", "a", "b", "c")


def test_fingerprint_of_a_split_follows_names_and_order():
    prints = {dataset(*names).fingerprint() for names in (("a", "b"), ("b", "a"), ("a",), ("ab",))}
    assert len(prints) == 4


LEVELS = [20, 60, 100, 140, 180, 220]


@pytest.fixture
def video(tmp_path):
    """Six flat frames, each its own grey level, as Motion JPEG: every frame can be decoded by itself."""
    path = tmp_path / "video ü.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    assert writer.isOpened()
    for level in LEVELS:
        writer.write(np.full((48, 64, 3), level, dtype=np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize(
    "order", [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [2, 2, 0, 5, 1, 1], [3], [5, 0]], ids=lambda order: str(order)
)
def test_frames_are_the_ones_asked_for_in_any_order(video, order):
    for index in order:
        frame = VideoFrame(video, index).read()
        assert (frame.dtype, frame.shape) == (torch.uint8, (3, 48, 64))
        assert (frame.int() - LEVELS[index]).abs().max() <= 3


def test_video_channels_are_red_green_blue(tmp_path):
    path = tmp_path / "red.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    writer.write(np.full((48, 64, 3), (0, 0, 200), dtype=np.uint8))  # OpenCV counts blue, green, red
    writer.release()
    red, green, blue = VideoFrame(path, 0).read()[:, 24, 32].tolist()
    assert red > 190
    assert max(green, blue) < 10


def test_two_videos_are_read_side_by_side(video, tmp_path):
    other = tmp_path / "other.avi"
    other.write_bytes(video.read_bytes())
    for index in range(6):
        pair = Pair("a", VideoFrame(video, index), VideoFrame(other, index)).read()
        for picture in pair:
            assert (picture.int() - LEVELS[index]).abs().max() <= 3


def test_video_length(video):
    assert video_length(video) == 6


@pytest.mark.parametrize("index", [6, 100, -1])
def test_frame_outside_the_video_is_refused_and_others_still_work(video, index):
    with pytest.raises(ImageError, match=f"video ü.avi: frame {index} cannot be decoded"):
        VideoFrame(video, index).read()
    assert (VideoFrame(video, 1).read().int() - LEVELS[1]).abs().max() <= 3


def test_file_that_is_no_video_is_named(tmp_path):
    (tmp_path / "text.avi").write_text("no video")
    for path in (tmp_path / "text.avi", tmp_path / "gone.avi"):
        with pytest.raises(ImageError, match="not a video that OpenCV can open"):
            VideoFrame(path, 0).read()
        with pytest.raises(ImageError, match="not a video that OpenCV can open"):
            video_length(path)


def test_fingerprints_of_frames_differ_by_index_and_content(video, tmp_path):
    other = tmp_path / "other.avi"
    other.write_bytes(video.read_bytes() + b"x")
    prints = {source.fingerprint() for source in (VideoFrame(video, 0), VideoFrame(video, 1), VideoFrame(other, 0))}
    assert len(prints) == 3
