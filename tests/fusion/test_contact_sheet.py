"""Contact sheet: where everything lies, and inputs that must not break it."""

import pytest
import torch

from ivif.fusion.contact_sheet import GAP, contact_sheet, wrapped_sheet


def flat(colour, height=30, width=40):
    return torch.tensor(colour, dtype=torch.uint8)[:, None, None].expand(-1, height, width)


def box_of(sheet, colour):
    """(left, top, right, bottom) of all pixels of one colour, right and bottom exclusive."""
    rows, columns = torch.nonzero((sheet == torch.tensor(colour)[:, None, None]).all(dim=0), as_tuple=True)
    return columns.min().item(), rows.min().item(), columns.max().item() + 1, rows.max().item() + 1


def test_layout_of_two_rows_and_two_columns():
    red, blue, grey, green = (255, 0, 0), (0, 0, 255), (77,), (0, 255, 0)
    rows = [[flat(red), flat(blue)], [flat(grey, 20, 80), flat(green, 100, 50)]]
    sheet = contact_sheet(rows, ["a", "b"], ["first", "second"], width=80)
    assert sheet.dtype == torch.uint8
    assert sheet.is_contiguous()

    left, top, right, bottom = box_of(sheet, red)
    assert (right - left, bottom - top) == (80, 60)
    assert box_of(sheet, blue) == (right + GAP, top, right + GAP + 80, bottom)
    below = bottom + GAP
    assert box_of(sheet[:, top:, left:], (77, 77, 77)) == (0, below - top, 80, below - top + 20)
    assert box_of(sheet, green) == (right + GAP, below, right + GAP + 80, below + 160)
    assert sheet.shape == (3, below + 160 + GAP, right + GAP + 80 + GAP)


def test_titles_are_written_beside_and_above_the_images():
    sheet = contact_sheet([[flat((255,))]], ["column"], ["row"], width=100)
    left, top, *_ = box_of(contact_sheet([[flat((255, 0, 0))]], ["column"], ["row"], width=100), (255, 0, 0))
    dark = (sheet < 100).all(dim=0)
    assert dark[:top, left:].sum() > 20
    assert dark[top:, :left].sum() > 10
    assert dark[top:, left:].sum() == 0


def test_images_are_averaged_by_area():
    image = torch.tensor([[0, 100], [200, 100]], dtype=torch.uint8).repeat(4, 4)[None]
    sheet = contact_sheet([[image]], [""], [""], width=4)
    assert box_of(sheet, (100, 100, 100))[2:] == (sheet.shape[2] - GAP, sheet.shape[1] - GAP)
    assert (sheet[:, -GAP - 4 : -GAP, -GAP - 4 : -GAP] == 100).all()


@pytest.mark.parametrize("title", ["夜の街", "naïve Ærø", "🙂", "two\nlines", "", "x" * 500, "\x00"])
def test_any_title_is_drawn_without_changing_a_cell(title):
    sheet = contact_sheet([[flat((255, 0, 0))]], [title], [title], width=120)
    left, top, right, bottom = box_of(sheet, (255, 0, 0))
    assert (right - left, bottom - top) == (120, 90)
    assert left <= 120 + 2 * GAP


def test_a_long_title_stays_in_its_column():
    rows = [[flat((255,)), flat((255,))]]
    sheets = [contact_sheet(rows, ["m" * 200, title], [""], width=100) for title in ("", "i")]
    changed = (sheets[0] != sheets[1]).any(dim=0).any(dim=0).nonzero()
    assert changed.min() >= sheets[0].shape[2] - 100 - GAP


def test_extreme_shapes_keep_at_least_a_pixel():
    assert contact_sheet([[flat((9,), 1, 1000)]], [""], [""], width=50).shape[2] > 50


@pytest.mark.parametrize(
    ("rows", "columns", "names", "message"),
    [
        ([], ["a"], [], "at least one image"),
        ([[]], [], ["r"], "at least one image"),
        ([[flat((1,))]], ["a", "b"], ["r"], "2 column titles"),
        ([[flat((1,))]], ["a"], ["r", "s"], "2 row titles"),
        ([[flat((1,)).float()]], ["a"], ["r"], "float32"),
        ([[flat((1, 1))]], ["a"], ["r"], r"found torch.uint8 \[2, 30, 40\]"),
    ],
)
def test_wrong_input_is_named(rows, columns, names, message):
    with pytest.raises(ValueError, match=message):
        contact_sheet(rows, columns, names)


def test_images_wrap_under_the_title_of_their_row() -> None:
    """Five images of 40 x 20 in rows of two: three lines, each with its names, beneath one title."""
    images = [torch.full((1, 20, 40), value, dtype=torch.uint8) for value in (10, 60, 110, 160, 210)]
    sheet = wrapped_sheet([images, images], list("abcde"), ["one", "two"], 2, 40)
    assert sheet.shape[2] == GAP + 2 * (40 + GAP)
    left, right = sheet[0, :, GAP + 20], sheet[0, :, 2 * GAP + 60]
    tops = {value: (left == value).nonzero().flatten().tolist() for value in (10, 110, 210)}
    assert all(len(rows) == 40 for rows in tops.values()) and tops[10][0] < tops[110][0] < tops[210][0] < tops[10][20]
    assert [int((right == value).sum()) for value in (60, 160)] == [40, 40]
    wide = wrapped_sheet([images], list("abcde"), ["one"], 9, 40)
    assert wide.shape[2] == GAP + 5 * (40 + GAP)
    with pytest.raises(ValueError, match="0 columns"):
        wrapped_sheet([images], list("abcde"), ["one"], 0, 40)
