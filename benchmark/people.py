"""People: how well they are found and followed in fused images, as a run directory keeps it.

One file, ``downstream.json``, holds every score with what it could not be taken from. It is written anew by each run
that detects; what was found lies beside it in ``detections`` and ``tracks``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from ivif.benchmark.store import StoreError
from ivif.datasets.files import write_atomic
from ivif.datasets.pairs import PairDataset
from ivif.downstream.labelled_images import images_of_camera, images_of_results
from ivif.downstream.series import Series
from ivif.fusion.results import Results

PEOPLE_FILE = "downstream.json"


@dataclass(frozen=True)
class PeopleScore:
    """A score of detection or tracking.

    Attributes:
        key: its name in files.
        label: its name in tables, and in what the package `downstream` gives.
        better: which way is better.
        counted: what it is a score over: labelled images, or sequences whose labels have identities.
    """

    key: str
    label: str
    better: Literal["higher", "lower"]
    counted: Literal["images", "sequences"]

    @property
    def arrow(self) -> str:
        """The direction as a sign."""
        return "↑" if self.better == "higher" else "↓"


PEOPLE_SCORES = (
    PeopleScore("ap50", "AP50", "higher", "images"),
    PeopleScore("map", "mAP", "higher", "images"),
    PeopleScore("lamr", "LAMR", "lower", "images"),
    PeopleScore("hota", "HOTA", "higher", "sequences"),
    PeopleScore("mota", "MOTA", "higher", "sequences"),
    PeopleScore("idf1", "IDF1", "higher", "sequences"),
)
"""AP at IoU 0.5, mean AP over IoU, log-average miss rate: `downstream.detection`; the others: `downstream.tracking`."""


@dataclass
class PeopleEntry:
    """What one method's images, or one camera's, are good for on one data set.

    Attributes:
        detection, tracking: scores by the labels of `downstream`, more than `PEOPLE_SCORES` has; None where there
            is none.
        images, sequences: how many were scored.
        by_sequence: tracking scores of each sequence.
        failures: pictures that could not be looked at or compared, with the reason.
        lost: sequences that could not be followed, with the reason.
    """

    detection: dict[str, float | None] = field(default_factory=dict)
    tracking: dict[str, float | None] = field(default_factory=dict)
    images: int = 0
    sequences: int = 0
    by_sequence: dict[str, dict[str, float | None]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)

    def value(self, score: PeopleScore) -> float | None:
        """The value of a score, None where there is none."""
        return (self.detection if score.counted == "images" else self.tracking).get(score.label)


@dataclass
class PeopleBoard:
    """The scores on one data set.

    Attributes:
        images: labelled images.
        sequences: sequences whose labels have identities, if they are followed.
        scores: by method; ``infrared`` and ``visible`` are the cameras alone.
    """

    images: int
    sequences: int
    scores: dict[str, PeopleEntry] = field(default_factory=dict)

    def total(self, score: PeopleScore) -> int:
        """How many images or sequences a complete score is over."""
        return self.images if score.counted == "images" else self.sequences


def write_people(run: Path, boards: Mapping[str, PeopleBoard]) -> None:
    """Replace the file in the run directory."""
    content = {name: asdict(board) for name, board in boards.items()}
    write_atomic(Path(run) / PEOPLE_FILE, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def read_people(run: Path) -> dict[str, PeopleBoard]:
    """The scores by data set, none where nothing was detected; raises `StoreError` for a damaged file."""
    path = Path(run) / PEOPLE_FILE
    try:
        return TypeAdapter(dict[str, PeopleBoard]).validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{path} is damaged; give the same run again to make it anew") from error


def labelled_sets(sets: Iterable[PairDataset]) -> list[PairDataset]:
    """The data sets without their pairs that have no labels, those with none left out."""
    labelled = (replace(data, pairs=tuple(pair for pair in data if pair.boxes is not None)) for data in sets)
    return [data for data in labelled if data]


def identified_sequences(data: PairDataset) -> list[str]:
    """Sequences whose labels tell who is who; those without anybody count too."""
    identities: dict[str, list[int]] = {}
    for pair in data:
        if pair.sequence is not None and pair.boxes is not None:
            identities.setdefault(pair.sequence, []).extend(pair.boxes.ids[~pair.boxes.ignore].tolist())
    return [name for name, known in identities.items() if not known or max(known) >= 0]


def series_of_results(data: PairDataset, results: Results) -> Series:
    """What a method made of a data set, in the order in which it is scored."""
    return in_parts(Series(data.name, results.name, images_of_results(data, results)))


def series_of_camera(data: PairDataset, camera: str) -> Series:
    """What one camera saw alone, in the order in which it is scored."""
    return in_parts(Series(data.name, camera, images_of_camera(data, camera)))


def in_parts(series: Series) -> Series:
    """The same images part by part: among detections of the same score, the order of their images decides."""
    return replace(series, images=[image for _, images in series.parts() for image in images])


def json_numbers(scores: Mapping[str, float]) -> dict[str, float | None]:
    """Scores as JSON can hold them: what is no number becomes None."""
    return {key: float(value) if math.isfinite(value) else None for key, value in scores.items()}
