"""Images: every kind of file is read right or refused with the reason; colour against values by hand and Pillow."""

import errno
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ivif.datasets.decoding import Selection
from ivif.datasets.files import write_atomic
from ivif.datasets.images import (
    SUFFIXES,
    ImageError,
    decode_image,
    encode_png,
    luminance,
    read_image,
    rgb_to_ycbcr,
    to_float,
    to_uint8,
    write_png,
    ycbcr_to_rgb,
)

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
COLOUR = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def planes(array):
    return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())


def encoded(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def decode(picture, kind="PNG", value_range=None, **options):
    return decode_image(encoded(picture, kind, **options), "some file", value_range)


@pytest.mark.parametrize("array", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".PNG"])
def test_lossless_files_are_read_as_they_are(tmp_path, array, suffix):
    Image.fromarray(array).save(tmp_path / f"a{suffix}")
    result = read_image(tmp_path / f"a{suffix}")
    assert result.dtype == torch.uint8
    assert torch.equal(result, planes(array))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_announced_suffix_can_be_read(tmp_path, suffix):
    flat = np.full((8, 8, 3), 90, dtype=np.uint8)
    picture = Image.fromarray(flat[..., 0] if suffix == ".pgm" else flat)
    picture.save(tmp_path / f"a{suffix}")
    assert torch.all((read_image(tmp_path / f"a{suffix}").int() - 90).abs() <= 1)


@pytest.mark.parametrize("name", ["night street.png", "夜の街 ☾.png", "naïve Ærø.png", "a'b\"c;$d.png"])
def test_names_with_spaces_and_other_alphabets(tmp_path, name):
    write_png(tmp_path / "folder ü" / name, planes(COLOUR))
    assert torch.equal(read_image(tmp_path / "folder ü" / name), planes(COLOUR))


def test_missing_file_and_folder_instead_of_file(tmp_path):
    with pytest.raises(ImageError, match=r"gone.png: cannot be read \(No such file or directory\)"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(ImageError, match="cannot be read"):
        read_image(tmp_path)


def test_empty_file_is_named(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"empty.png: the file is empty \(0 bytes\)"):
        read_image(tmp_path / "empty.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_files_are_refused(kind, share):
    data = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)), kind)
    with pytest.raises(ImageError, match=r"some file: (damaged or truncated|not an image)"):
        decode_image(data[: int(len(data) * share)], "some file")


def test_text_is_no_image():
    with pytest.raises(ImageError, match="some file: not an image in a known format"):
        decode_image(b"<html>404 Not Found</html>", "some file")


@pytest.mark.filterwarnings("ignore")  # Pillow's remarks about what it skips
@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 150))
def test_damaged_bytes_are_refused_with_an_image_error_alone(junk, position):
    for kind in ("PNG", "TIFF", "JPEG"):
        data = encoded(Image.fromarray(COLOUR), kind)
        try:
            result = decode_image(data[:position] + junk + data[position + len(junk) :], "some file")
        except ImageError:
            continue
        assert result.dtype == torch.uint8


def test_16_bit_grey_needs_a_range():
    picture = Image.fromarray(np.array([[1000, 3000], [2000, 5000]], dtype=np.uint16))
    with pytest.raises(ImageError, match=r"values 1000\.\.5000 instead of 8 bit; declare the range"):
        decode(picture)
    # (v - 1000) / 2000 * 255: 0, 255, 127.5 (rounded up), and 510, which is clipped.
    assert decode(picture, value_range=(1000, 3000)).tolist() == [[[0, 255], [128, 255]]]
    # v / 65535 * 255 = v / 257: 3.9, 11.7, 7.8, 19.5 (19.46).
    assert decode(picture, value_range=(0, 65535)).tolist() == [[[4, 12], [8, 19]]]


def test_range_may_run_backwards_for_inverted_polarity():
    picture = Image.fromarray(np.array([[1000, 3000]], dtype=np.uint16))
    assert decode(picture, value_range=(3000, 1000)).tolist() == [[[255, 0]]]


def test_range_without_extent_is_refused():
    picture = Image.fromarray(np.array([[1000, 3000]], dtype=np.uint16))
    with pytest.raises(ImageError, match=r"range 7:7 .* no extent"):
        decode(picture, value_range=(7, 7))


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_deep_tiff_needs_a_range(kind):
    picture = Image.fromarray(np.array([[0, 300], [75, 150]], dtype=kind))
    with pytest.raises(ImageError, match=r"values 0\.\.300 instead of 8 bit"):
        decode(picture, "TIFF")
    # v / 300 * 255: 0, 255, 63.75, 127.5.
    assert decode(picture, "TIFF", (0, 300)).tolist() == [[[0, 255], [64, 128]]]


def test_float_tiff_with_values_that_are_no_numbers_is_refused():
    picture = Image.fromarray(np.array([[0.5, np.nan]], dtype=np.float32))
    with pytest.raises(ImageError, match="NaN or infinite"):
        decode(picture, "TIFF", (0, 1))


# v / 40000 * 255 of 0, 10000, 20000, 40000: 0, 63.75, 127.5 (rounded up), 255.
DEEP_COLOUR = np.array([[[0, 10_000, 20_000], [40_000, 0, 10_000]]], dtype=np.uint16)
DEEP_LEVELS = [[[0, 255]], [[64, 0]], [[128, 64]]]


def tiff(array, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def ppm(array, highest):
    return b"P6 # camera 3\n%d %d %d\n" % (array.shape[1], array.shape[0], highest) + array.astype(">u2").tobytes()


@pytest.mark.parametrize(
    "data",
    [
        cv2.imencode(".png", DEEP_COLOUR[..., ::-1])[1].tobytes(),
        cv2.imencode(".png", np.dstack((DEEP_COLOUR[..., ::-1], np.full((1, 2), 65535, np.uint16))))[1].tobytes(),
        tiff(DEEP_COLOUR, photometric="rgb"),
        tiff(DEEP_COLOUR, photometric="rgb", compression="lzw", predictor=True),
        tiff(DEEP_COLOUR.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate"),
        tiff(DEEP_COLOUR.astype(np.float64), photometric="rgb"),
        ppm(DEEP_COLOUR, 65535),
        ppm(DEEP_COLOUR, 40_000),
        b"P3 2 1 50000\n0 10000 20000 40000 0 10000\n",
    ],
    ids=["png", "png and alpha", "tiff", "lzw", "planes", "float64", "ppm", "ppm of its own maximum", "plain ppm"],
)
def test_colour_of_16_bits_is_read_in_its_own_counts(data):
    with pytest.raises(ImageError, match=r"values 0\.\.40000 instead of 8 bit; declare the range"):
        decode_image(data, "some file")
    assert decode_image(data, "some file", (0, 40_000)).tolist() == DEEP_LEVELS


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int16, np.uint32])
def test_tiffs_of_every_depth(kind):
    data = tiff(np.array([[300, 310], [302.5, 305]]).astype(kind))
    whole = [[0, 255], [51 if np.dtype(kind).kind in "ui" else 64, 128]]  # integers: 302 is (2 / 10) * 255
    assert decode_image(data, "some file", (300, 310)).tolist() == [whole]


@pytest.mark.parametrize("highest", [1023, 4095, 16383])
def test_pgm_counts_are_not_stretched(highest):
    data = b"P5\n3 1\n%d\n" % highest + np.array([100, 600, 1000], ">u2").tobytes()
    assert decode_image(data, "some file", (100, 1100)).tolist() == [[[0, 128, 230]]]  # 0, 127.5, 229.5, rounded up


@pytest.mark.parametrize("head", [b"P5\n3 1\n255\n", b"P5 3 1 # one\n 255 ", b"P6\n1 1\n255\n", b"P5 3 1 1000\n"])
def test_several_pgms_in_one_file_are_refused(head):
    values = b"\1\2\3" * (2 if b"1000" in head else 1)
    assert decode_image(head + values, "some file", (0, 1000)).numel() == 3
    with pytest.raises(ImageError, match="some file: holds several pictures; write each to a file of its own"):
        decode_image((head + values) * 2, "some file", (0, 1000))


def test_bytes_behind_a_pgm_that_are_no_picture_do_no_harm():
    assert decode_image(b"P5\n3 1\n255\n\1\2\3P5 ", "some file").tolist() == [[[1, 2, 3]]]


def test_transparent_levels_of_16_bit_are_refused_where_they_are_used():
    picture = Image.fromarray(GREY.astype(np.uint16) * 100)
    with pytest.raises(ImageError, match="has transparent pixels"):
        decode(picture, value_range=(0, 25500), transparency=1500)
    data = decode(picture, value_range=(0, 25500), transparency=1501)
    assert torch.equal(data, planes(GREY))


def test_values_above_what_a_pgm_announces_are_damage():
    with pytest.raises(ImageError, match="some file: damaged"):
        decode_image(b"P5 2 1 1000\n" + np.array([1001, 5], ">u2").tobytes(), "some file", (0, 1000))


@pytest.mark.parametrize(
    ("kind", "value_range", "levels"),
    [(np.uint8, None, [[250, 5]]), (np.uint16, (0, 250), [[250, 0]]), (np.float32, (0, 250), [[250, 0]])],
)
def test_white_is_zero_at_every_depth(kind, value_range, levels):
    """5 of 0..250 is the level 5.1 above black: 250 where 0 is white."""
    data = tiff(np.array([[5, 250]], dtype=kind), photometric="miniswhite")
    assert decode_image(data, "some file", value_range).tolist() == [levels]


def test_a_stack_is_read_by_page_or_refused():
    pages = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 5), np.uint8)
    for data in (tiff(pages, photometric="minisblack"), tiff(pages.astype(np.uint16), imagej=True)):
        with pytest.raises(ImageError, match=r"some file: holds 3 pictures \(pages\).*#page=1"):
            decode_image(data, "some file", (0, 255))
        assert decode_image(data, "some file", (0, 255), Selection(3)).unique().tolist() == [2]
        with pytest.raises(ImageError, match="no page 4; pages are 1 to 3"):
            decode_image(data, "some file", (0, 255), Selection(4))


def test_an_animation_is_no_picture():
    frames = [Image.fromarray(np.full((4, 5), level, np.uint8)) for level in (10, 200)]
    for kind in ("PNG", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
        with pytest.raises(ImageError, match="holds 2 pictures"):
            decode_image(data, "some file")
        assert decode_image(data, "some file", part=Selection(2)).unique().tolist() == [200]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_four_bands_are_read_by_band_or_refused(kind):
    bands = np.stack([np.full((4, 5), level) for level in (10, 20, 30, 200)], axis=-1).astype(kind)
    for data in (
        tiff(bands, photometric="rgb"),
        tiff(bands.transpose(2, 0, 1).copy(), photometric="rgb", planarconfig="separate"),
        cv2.imencode(".png", bands[..., [2, 1, 0, 3]])[1].tobytes(),
    ):
        with pytest.raises(ImageError, match=r"'PATH#band=4' is the infrared picture"):
            decode_image(data, "some file", (0, 255))
        assert decode_image(data, "some file", (0, 255), Selection(bands=(4,))).unique().tolist() == [200]
        assert decode_image(data, "some file", (0, 255), Selection(bands=(1, 2, 3)))[:, 0, 0].tolist() == [10, 20, 30]
        with pytest.raises(ImageError, match="has 4 bands, of which 5"):
            decode_image(data, "some file", (0, 255), Selection(bands=(5,)))


def test_a_tiff_that_lacks_data_is_damaged_not_black():
    array = np.random.default_rng(0).integers(0, 60_000, (64, 64), dtype=np.uint16)
    for options in ({}, {"compression": "zlib", "rowsperstrip": 8}):
        data = tiff(array, **options)
        with pytest.raises(ImageError, match="some file: damaged"):
            decode_image(data[: int(len(data) * 0.7)], "some file", (0, 60_000))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_deep_tiffs_is_that_of_pillow(orientation):
    array = np.arange(12, dtype=np.uint16).reshape(3, 4)
    ours = decode_image(tiff(array, extratags=[(274, "H", 1, orientation, True)]), "some file", (0, 255))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert torch.equal(ours, decode(Image.fromarray(array.astype(np.uint8)), exif=exif))


def test_8_bit_files_ignore_the_range():
    assert torch.equal(decode(Image.fromarray(GREY), value_range=(0, 65535)), planes(GREY))


@pytest.mark.parametrize("array", [GREY, COLOUR], ids=["grey", "colour"])
def test_opaque_alpha_is_dropped_and_translucent_refused(array):
    picture = Image.fromarray(array)
    alpha = Image.new("L", picture.size, 255)
    picture.putalpha(alpha)
    assert torch.equal(decode(picture), planes(array))
    alpha.putpixel((7, 5), 254)
    picture.putalpha(alpha)
    with pytest.raises(ImageError, match="has transparent pixels; flatten it onto a background first"):
        decode(picture)


def palette_picture():
    picture = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8) % 4, mode=None).convert("L")
    picture = Image.frombytes("P", (8, 6), picture.tobytes())
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30])
    return picture


def test_palette_is_expanded_to_its_colours():
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]], dtype=np.uint8)
    assert torch.equal(decode(palette_picture()), planes(colours[np.arange(48).reshape(6, 8) % 4]))


def test_palette_with_a_transparent_entry_is_refused_where_it_is_used():
    with pytest.raises(ImageError, match="has transparent pixels"):
        decode(palette_picture(), transparency=2)
    assert torch.equal(decode(palette_picture(), transparency=200), decode(palette_picture()))


@pytest.mark.parametrize(
    ("array", "used", "unused"), [(GREY, 15, 16), (COLOUR, tuple(COLOUR[2, 3].tolist()), (1, 2, 3))]
)
def test_transparent_colour_is_refused_where_it_is_used(array, used, unused):
    with pytest.raises(ImageError, match="has transparent pixels"):
        decode(Image.fromarray(array), transparency=used)
    assert torch.equal(decode(Image.fromarray(array), transparency=unused), planes(array))


def test_one_bit_becomes_black_and_white():
    bits = np.array([[True, False, True], [False, False, True]])
    assert decode(Image.fromarray(bits)).tolist() == [[[255, 0, 255], [0, 0, 255]]]


def test_cmyk_jpeg_is_refused():
    with pytest.raises(ImageError, match="colour space CMYK has no unique RGB meaning; convert it to RGB or grey"):
        decode(Image.fromarray(COLOUR).convert("CMYK"), "JPEG")


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [(1, np.array), (2, np.fliplr), (3, lambda a: np.rot90(a, 2)), (6, lambda a: np.rot90(a, -1)), (8, np.rot90)],
)
def test_exif_orientation_is_applied(orientation, expected):
    """6 means: turn by 90 degrees clockwise to show; 8: anticlockwise; 2: mirror left and right; 3: half turn."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert torch.equal(decode(Image.fromarray(GREY), exif=exif), planes(expected(GREY).copy()))


def test_png_round_trip_is_lossless():
    for array in (GREY, COLOUR):
        assert torch.equal(decode_image(encode_png(planes(array)), "memory"), planes(array))


# 0.299 R + 0.587 G + 0.114 B: 76.245, 149.685, 29.07, 2.99 + 11.74 + 3.42 = 18.15, and 7.044 + 0.456 = 7.5, a tie.
LUMINANCE = [
    ((255, 0, 0), 76),
    ((0, 255, 0), 150),
    ((0, 0, 255), 29),
    ((10, 20, 30), 18),
    ((0, 12, 4), 8),
    ((255, 255, 255), 255),
    ((0, 0, 0), 0),
]


@pytest.mark.parametrize(("colour", "expected"), LUMINANCE)
def test_luminance_by_hand(colour, expected):
    pixel = torch.tensor(colour, dtype=torch.uint8)[:, None, None]
    assert luminance(pixel).tolist() == [[[expected]]]
    assert luminance(pixel.expand(2, 3, 4, 5)).tolist() == [[[[expected] * 5] * 4]] * 2


def test_luminance_leaves_grey_alone():
    for level in range(256):
        grey = torch.full((3, 1, 1), level, dtype=torch.uint8)
        assert luminance(grey).item() == level
    assert torch.equal(luminance(planes(GREY)), planes(GREY))


def test_uint8_and_float_convert_without_loss():
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_float(levels)), levels)
    assert to_float(levels).dtype == torch.float32
    assert to_uint8(torch.tensor([-0.2, 0.499 / 255, 0.501 / 255, 1.7])).tolist() == [0, 0, 1, 255]


def test_ycbcr_round_trip():
    colours = to_float(planes(COLOUR))
    torch.testing.assert_close(ycbcr_to_rgb(rgb_to_ycbcr(colours)), colours, rtol=0, atol=1e-6)


def test_ycbcr_by_hand():
    """Red: Y = 0.299, Cb = 0.5 - 0.299 / 1.772, Cr = 0.5 + 0.701 / 1.402 = 1; grey has chroma 0.5."""
    red = rgb_to_ycbcr(torch.tensor([1.0, 0, 0])[:, None, None]).flatten()
    torch.testing.assert_close(red, torch.tensor([0.299, 0.5 - 0.299 / 1.772, 1.0]))
    grey = rgb_to_ycbcr(torch.full((3, 1, 1), 0.3)).flatten()
    torch.testing.assert_close(grey, torch.tensor([0.3, 0.5, 0.5]))


def test_ycbcr_agrees_with_pillow_within_a_level():
    colours = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    theirs = planes(np.array(Image.fromarray(colours).convert("YCbCr"))).int()
    ours = to_uint8(rgb_to_ycbcr(to_float(planes(colours)))).int()
    assert (ours - theirs).abs().max() <= 1


class FullDisk:
    """A file whose device has no room left after a few bytes."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, data):
        self.file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("before", [None, b"older content"])
@pytest.mark.parametrize("failing", ["write", "rename"])
def test_failed_write_leaves_nothing_behind(tmp_path, monkeypatch, before, failing):
    target = tmp_path / "fused.png"
    if before is not None:
        target.write_bytes(before)
    if failing == "write":
        opening = Path.open
        monkeypatch.setattr(Path, "open", lambda self, *mode: FullDisk(opening(self, *mode)))
    else:
        monkeypatch.setattr(Path, "replace", lambda self, other: FullDisk(io.BytesIO()).write(b""))
    with pytest.raises(OSError, match="No space left on device"):
        write_png(target, planes(GREY))
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ([] if before is None else ["fused.png"])
    if before is not None:
        assert target.read_bytes() == before


@pytest.mark.parametrize("name", ["a" * 251 + ".png", "夜" * 83 + ".png"], ids=["255 letters", "253 bytes"])
def test_the_longest_names_a_file_system_takes_can_be_written(tmp_path, name):
    write_atomic(tmp_path / name, b"content")
    assert (tmp_path / name).read_bytes() == b"content"


def test_write_replaces_the_whole_file(tmp_path):
    write_atomic(tmp_path / "new folder" / "a", b"long content")
    write_atomic(tmp_path / "new folder" / "a", b"short")
    assert (tmp_path / "new folder" / "a").read_bytes() == b"short"
    assert len(list((tmp_path / "new folder").iterdir())) == 1
