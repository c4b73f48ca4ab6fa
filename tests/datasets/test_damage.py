"""Damaged pictures and labels: refused with the file's name and a reason, in seconds, whatever the damage."""

import io
import json
import time
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ivif.datasets.boxes import BoxesError
from ivif.datasets.images import ImageError, decode_image
from ivif.datasets.label_files import read_coco, read_kaist, read_voc, read_yolo
from ivif.datasets.mot_files import read_mot, read_sequence_labels

LEVELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
SECONDS = 10


def pillow(kind, array, **options):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(array, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


DEEP = LEVELS.astype(np.uint16) * 100
PICTURES = {
    "png": pillow("PNG", LEVELS),
    "jpeg": pillow("JPEG", LEVELS),
    "bmp": pillow("BMP", LEVELS),
    "webp": pillow("WEBP", LEVELS, lossless=True),
    "pgm": pillow("PPM", LEVELS[..., 0]),
    "tiff": pillow("TIFF", LEVELS, compression="tiff_lzw"),
    "deep png": cv2.imencode(".png", DEEP)[1].tobytes(),
    "deep tiff": tiff(DEEP, photometric="rgb", compression="zlib", rowsperstrip=4),
    "deep pgm": b"P5 32 24 65535\n" + DEEP[..., 0].astype(">u2").tobytes(),
    "float tiff": tiff(LEVELS[..., 0].astype(np.float64)),
}


def looked_at(data):
    """What a file gives, or None where it is refused as it should be."""
    start = time.monotonic()
    try:
        picture = decode_image(data, "some file", (0, 65535))
    except ImageError as error:
        assert str(error).startswith("some file: ") and len(str(error)) > len("some file: ")
        picture = None
    assert time.monotonic() - start < SECONDS
    return picture


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.75, 0.95])
@pytest.mark.parametrize("kind", PICTURES)
def test_pictures_that_were_cut_off_are_refused(kind, share):
    data = PICTURES[kind]
    assert looked_at(data[: int(len(data) * share)]) is None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("start", [0, 4, 8, 16, 24, 40])
@pytest.mark.parametrize("kind", PICTURES)
def test_heads_of_pictures_that_were_overwritten_are_no_crash(kind, start):
    for filler in (0x00, 0xFF, 0x7F):
        data = bytearray(PICTURES[kind])
        data[start : start + 4] = bytes([filler] * 4)
        looked_at(bytes(data))


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(PICTURES)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8)
)
def test_flipped_bytes_are_an_image_error_at_most(kind, flips):
    data = bytearray(PICTURES[kind])
    for share, value in flips:
        data[int(share * (len(data) - 1))] = value
    looked_at(bytes(data))


def png_chunk(kind, content):
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def png(width, height, depth, colour, *chunks):
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, colour, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + b"".join(chunks) + png_chunk(b"IEND", b"")


BAD_PICTURES = {
    "a size beyond all": png(2**31 - 1, 2**31 - 1, 8, 2),
    "no size": png(0, 0, 8, 2),
    "16 bits and a bomb": png(60_000, 60_000, 16, 2, png_chunk(b"IDAT", zlib.compress(bytes(1000)))),
    "a palette that is missing": png(4, 4, 8, 3, png_chunk(b"IDAT", zlib.compress(bytes(20)))),
    "a kind of colour that there is not": png(4, 4, 8, 5, png_chunk(b"IDAT", zlib.compress(bytes(20)))),
    "a depth that there is not": png(4, 4, 7, 0, png_chunk(b"IDAT", zlib.compress(bytes(20)))),
    "TIFF that refers to itself": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
    "TIFF without anything": b"II*\0",
    "BigTIFF without anything": b"II+\0\x08\0\0\0",
    "PGM without pixels": b"P5 4 4 65535\n",
    "PGM beyond all": b"P5 99999999 99999999 65535\n",
    "PGM of text": b"P2 4 1 1000\n1 2 three 4\n",
    "PGM of negative numbers": b"P2 2 1 1000\n-1 5\n",
    "text": b"404",
    "nothing": b"",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("data", BAD_PICTURES.values(), ids=BAD_PICTURES)
def test_pictures_that_are_none(data):
    assert looked_at(data) is None


VOC = "<annotation><object><name>person</name><bndbox>{}</bndbox></object></annotation>"
BOX = "<xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax>"
COCO = {
    "images": [{"id": 1, "file_name": "a.png"}],
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}],
}


def coco(**changes):
    return json.dumps({**COCO, "annotations": [{**COCO["annotations"][0], **changes}]})


def yolo(path):
    return read_yolo(path, (100, 100))


BAD_LABELS = [
    *((read_voc, text) for text in (
        "", "<", "<annotation>", "<a/>", VOC, VOC.format(BOX).replace("5", "1e400"),
        VOC.format(BOX).replace("1<", "x<"),
        VOC.format(BOX).replace("<xmax>5", "<xmax>0"), VOC.format(BOX.replace("ymax", "y2")), "\0" * 9,
        "<?xml version='1.0' encoding='no-such'?>" + VOC.format(BOX),
        "<!DOCTYPE a [<!ENTITY b 'x'>]><annotation>&c;</annotation>", "{}", "[1, 2]",
    )),
    *((yolo, text) for text in (
        "0", "0 1", "0 0.5 0.5 0.5", "0 a b c d", "-1 0 0 0 0", "0.5 0 0 0 0", "1e300 0 0 0 0", "nan 0 0 0 0",
        "0 inf 0 0 0", "0 0.5 0.5 -1 0.1", "0;0.5;0.5;1;1", "person 0.5 0.5 1 1",
        "0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "0 1e308 0.5 1 1", "\0", "0 0.5 0.5 1 1\n0 0.5", "0x0 0 0 0 0",
    )),
    *((read_mot, text) for text in (
        "1", "1,1", "1,1,0,0,5", "0,1,0,0,5,5", "1000000000,1,0,0,5,5", "1e18,1,0,0,5,5", "nan,1,0,0,5,5",
        "1,1.5,0,0,5,5", "1,1e300,0,0,5,5", "1,1,0,0,-5,5", "1,1,inf,0,5,5", "1 1 0 0 5 5", "1,1,0,0,5,5,1,99,1",
        "1,1,0,0,5,5,1,1.5,1", "1,1,0,0,5,5\n1,1,9,9,5,5", "frame,id,x,y,w,h", "1,1,1e308,0,1e308,5", "\0,1",
    )),
    *((read_coco, text) for text in (
        "", "{", "[]", "null", "3", '"a"', "{}", '{"images": 1, "annotations": []}',
        '{"images": [1], "annotations": []}',
        '{"images": [{"id": 1}], "annotations": []}', '{"images": [{"id": {}, "file_name": "a"}], "annotations": []}',
        '{"images": [], "annotations": [{}]}', "[" * 200_000, '{"a":' * 200_000,
        coco(bbox=None), coco(bbox=[]), coco(bbox=[1]), coco(bbox="abcd"), coco(bbox=[0, 0, -1, 1]),
        coco(bbox=[0, 0, 10**400, 1]),
        coco(bbox={}), coco(track_id=10**40), coco(track_id="x"), coco(image_id=[1]), coco(image_id=True),
        coco(image_id=7),
        coco(bbox=[0, 0, "x", 1]), coco(bbox=[float("nan"), 0, 1, 1]), coco(bbox=None, segmentation=[[1]]),
        coco(bbox=None, segmentation=["ab"]), json.dumps({**COCO, "categories": [{"id": 2, "name": "car"}]}),
        json.dumps({**COCO, "categories": 5}), json.dumps({**COCO, "images": COCO["images"] * 2}),
    )),
    *((read_kaist, "% bbGt version=3\n" + text) for text in ("person 1 2", "person a b c d", "person 1 2 -3 4")),
]  # fmt: skip


@pytest.mark.parametrize(("reader", "text"), BAD_LABELS, ids=range(len(BAD_LABELS)))
def test_labels_that_are_none_are_named_with_a_reason(tmp_path, reader, text):
    path = tmp_path / "broken.file"
    path.write_bytes(text.encode())
    start = time.monotonic()
    with pytest.raises(BoxesError, match=r"broken\.file.*[:(].*\w"):
        reader(path)
    assert time.monotonic() - start < SECONDS


@pytest.mark.parametrize("reader", [read_voc, yolo, read_mot, read_coco, read_kaist])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=80), st.text('0123456789.,-e \n#naif{}[]<>:"', max_size=80).map(str.encode)))
def test_any_bytes_are_boxes_or_a_boxes_error(tmp_path, reader, data):
    (tmp_path / "some.file").write_bytes(data)
    try:
        reader(tmp_path / "some.file")
    except BoxesError as error:
        assert "some.file" in str(error)


@pytest.mark.parametrize(
    "line",
    ["seqLength=1000000000", "seqLength=-1", "seqLength=1.5", "seqLength=many", "[[", "seqLength=nan", "imWidth=x"],
)
def test_seqinfo_that_is_none(tmp_path, line):
    (tmp_path / "gt.txt").write_text("1,1,0,0,5,5,1,1,1\n")
    (tmp_path / "seqinfo.ini").write_text(f"[Sequence]\n{line}\n")
    with pytest.raises(BoxesError, match=r"seqinfo\.ini: not a MOTChallenge"):
        read_sequence_labels(tmp_path / "gt.txt")


def test_hundreds_of_thousands_of_rows_take_seconds(tmp_path):
    (tmp_path / "gt.txt").write_text("".join(f"{1 + row // 10},{row},0,0,5,5,1,1,1\n" for row in range(300_000)))
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n" * 300_000)
    start = time.process_time()
    assert len(read_mot(tmp_path / "gt.txt")) == 30_000
    assert len(yolo(tmp_path / "a.txt")) == 300_000
    assert time.process_time() - start < 2 * SECONDS
