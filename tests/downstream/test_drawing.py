"""Drawn pictures and films: the boxes are where they should be, films can be read again."""

import numpy as np
import pytest
import torch

from ivif.datasets.boxes import Boxes
from ivif.downstream import DownstreamError
from ivif.downstream.drawing import FOUND, IGNORED, TRUE, annotated, write_video
from ivif.downstream.labelled_images import images_of_video

BLACK = torch.zeros(1, 64, 96, dtype=torch.uint8)


def box(**fields):
    return Boxes(np.array([[20.0, 30, 40, 50]]), **fields)


@pytest.mark.parametrize(
    ("found", "truth", "colour"),
    [
        (Boxes(np.empty((0, 4))), box(), TRUE),
        (Boxes(np.empty((0, 4))), box(ignore=np.array([True])), IGNORED),
        (box(), None, FOUND),
    ],
)
def test_outline(found, truth, colour):
    """The box covers columns 20..39 and rows 30..49: its first and last pixels are drawn, its inside is not."""
    shown = annotated(BLACK, found, truth)
    assert shown.shape == (3, 64, 96)
    for row, column in ((30, 35), (49, 30), (40, 20), (40, 39)):
        assert tuple(shown[:, row, column].tolist()) == colour
    assert shown[:, 40, 30].tolist() == [0, 0, 0]
    assert not BLACK.any()


def test_identities_differ_in_colour():
    first, second = (annotated(BLACK, box(ids=np.array([number])))[:, 40, 20].tolist() for number in (1, 2))
    assert first != second


def test_film_can_be_read_again(tmp_path):
    """Odd sizes lose their last row and column: the codec takes even ones only."""
    frames = [torch.full((3, 65, 97), value, dtype=torch.uint8) for value in (0, 120, 240)]
    assert write_video(tmp_path / "films" / "a.mp4", frames) == 3
    images = images_of_video(tmp_path / "films" / "a.mp4")
    assert [image.name for image in images] == ["a-000000", "a-000001", "a-000002"]
    read = [image.source.read() for image in images]
    assert read[0].shape == (3, 64, 96)
    assert [pixels.float().mean().item() for pixels in read] == pytest.approx([0, 120, 240], abs=6)
    assert [path.name for path in (tmp_path / "films").iterdir()] == ["a.mp4"]


def test_film_of_nothing(tmp_path):
    with pytest.raises(DownstreamError, match="no frame to make a film of"):
        write_video(tmp_path / "a.mp4", [])
    assert not list(tmp_path.iterdir())
