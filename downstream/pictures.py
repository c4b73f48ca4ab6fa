"""The names by which older scripts know what is in `labelled_images`."""

from ivif.downstream.labelled_images import as_sequence
from ivif.downstream.labelled_images import images_of_folder as pictures_of_folder

__all__ = ["as_sequence", "pictures_of_folder"]
