"""Catalog: one entry a data set, with where it comes from, under which terms, and what it holds.

Facts only. How a tree maps to pairs is in `datasets.layouts`, how it gets here in `datasets.download`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ivif._checkout import as_typed
from ivif.datasets.errors import PairError
from ivif.datasets.files import cache_root, data_root
from ivif.spelling import did_you_mean


@dataclass(frozen=True)
class RemoteFile:
    """An archive on a server.

    Attributes:
        url: where it is.
        name: what it is called here; the suffix tells the archive format.
        sha256: its checksum, None where the publisher gives none (the first download is recorded then).
        size: bytes, None if unknown.
    """

    url: str
    name: str
    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class Citation:
    """The publication that users of a data set cite."""

    authors: str
    title: str
    venue: str
    year: int

    def __str__(self) -> str:
        return f"{self.authors}: {self.title}. {self.venue}, {self.year}."


@dataclass(frozen=True)
class CatalogEntry:
    """What is known about a data set.

    Attributes:
        key: its name on the command line, lower case.
        title: its name in tables, and of its folder below ``IVIF_DATA``.
        homepage: where its authors present it.
        licence: the terms as its authors state them.
        citation: what to cite.
        description: content in one sentence: kind of scenes, size, light, registration, labels.
        pairs: number of pairs as published, None where there is no fixed number.
        tree: the folders that `datasets.layouts` expects.
        files: archives that can be fetched without a browser; empty where there are none.
        manual: how to get it by hand.
        rendered: whether it is made by this project, on first use.
    """

    key: str
    title: str
    homepage: str
    licence: str
    citation: Citation
    description: str
    pairs: int | None
    tree: str
    files: tuple[RemoteFile, ...] = ()
    manual: str = ""
    rendered: bool = False

    @property
    def automatic(self) -> bool:
        """Whether ``python -m datasets download`` can fetch it."""
        return bool(self.files)


def _github(repository: str, version: str, name: str) -> tuple[RemoteFile, ...]:
    return (RemoteFile(f"https://github.com/{repository}/archive/{version}.zip", name),)


ENTRIES: tuple[CatalogEntry, ...] = (
    CatalogEntry(
        key="synthetic",
        title="Synthetic",
        homepage="",
        licence="Apache-2.0 (rendered by this project)",
        citation=Citation("ivif-bench", "rendered infrared-visible scenes", "this software", 2025),
        description="scenes rendered in both spectra from one world, exact boxes and tracks, twelve conditions in "
        "which either camera misses people that the other sees: a small excerpt of 'challenge' at 400x300",
        pairs=None,
        tree=f"rendered on demand: {as_typed('datasets render --out DIR')}",
        rendered=True,
    ),
    CatalogEntry(
        key="challenge",
        title="Challenge v2",
        homepage="",
        licence="Apache-2.0 (rendered by this project)",
        citation=Citation("ivif-bench", "rendered infrared-visible scenes", "this software", 2025),
        description="the whole suite of rendered scenes, 640x480: eight scenes and a sequence of each condition (day, "
        "dusk, night, glare, fog, smoke, rain, crossover, overexposed, crowd, distractors, misregistered, and where "
        "infrared alone fails: noon, sultry, muggy, drizzle, engines); 'challenge/v1' are the first twelve",
        pairs=544,
        tree="rendered on first use",
        rendered=True,
    ),
    CatalogEntry(
        key="tno",
        title="TNO",
        homepage="https://figshare.com/articles/dataset/TNO_Image_Fusion_Dataset/1008029",
        licence="CC BY-NC-SA",
        citation=Citation("A. Toet", "The TNO Multiband Image Data Collection", "Data in Brief 15", 2017),
        description="military and surveillance scenes, grey, day and night, 256x256 to 917x678, registered to a few "
        "pixels; some 60 scenes and five sequences, of which papers use different subsets",
        pairs=None,
        tree="ir/ and vi/ with equal file names, or Athena_images/, DHV_images/, FEL_images/, Triclobs_images/ ...",
        files=(RemoteFile("https://figshare.com/ndownloader/files/1475454", "TNO_Image_Fusion_Dataset.zip"),),
        manual="Open the homepage, choose 'Download all', unpack the archive.",
    ),
    CatalogEntry(
        key="roadscene",
        title="RoadScene",
        homepage="https://github.com/hanna-xu/RoadScene",
        licence="research use, cite the paper (no licence file)",
        citation=Citation(
            "H. Xu, J. Ma, J. Jiang, X. Guo, H. Ling",
            "U2Fusion: A Unified Unsupervised Image Fusion Network",
            "IEEE TPAMI",
            2020,
        ),
        description="road scenes from FLIR video, day and night, colour, about 500x330, registered and cropped",
        pairs=221,
        tree="cropinfrared/ and crop_LR_visible/ with equal file names",
        files=_github("hanna-xu/RoadScene", "HEAD", "RoadScene.zip"),
        manual="git clone https://github.com/hanna-xu/RoadScene",
    ),
    CatalogEntry(
        key="vifb",
        title="VIFB",
        homepage="https://github.com/xingchenzhang/VIFB",
        licence="research use, cite the paper (no licence file)",
        citation=Citation(
            "X. Zhang, P. Ye, G. Xiao", "VIFB: A Visible and Infrared Image Fusion Benchmark", "CVPR Workshops", 2020
        ),
        description="test set of mixed scenes, day and night, colour, 320x240 to 768x576, registered by their sources",
        pairs=21,
        tree="input/IR/ and input/VI/ with equal file names",
        files=_github("xingchenzhang/VIFB", "22b2ea9d91499cc5962d9bdcae9c290270f0fade", "VIFB.zip"),
        manual="git clone https://github.com/xingchenzhang/VIFB",
    ),
    CatalogEntry(
        key="msrs",
        title="MSRS",
        homepage="https://github.com/Linfeng-Tang/MSRS",
        licence="MIT",
        citation=Citation(
            "L. Tang, J. Yuan, H. Zhang, X. Jiang, J. Ma",
            "PIAFusion: A progressive infrared and visible image fusion network based on illumination aware",
            "Information Fusion 83-84",
            2022,
        ),
        description="road scenes, 715 by day and 729 by night, colour, 640x480, 1083 to train and 361 to test; "
        "80 of them with boxes",
        pairs=1444,
        tree="test/ir/, test/vi/, train/ir/, train/vi/; labels in detection/labels/",
        files=_github("Linfeng-Tang/MSRS", "HEAD", "MSRS.zip"),
        manual="git clone https://github.com/Linfeng-Tang/MSRS",
    ),
    CatalogEntry(
        key="m3fd",
        title="M3FD",
        homepage="https://github.com/JinyuanLiu-CV/TarDAL",
        licence="research use, cite the paper",
        citation=Citation(
            "J. Liu, X. Fan, Z. Huang, G. Wu, R. Liu, W. Zhong, Z. Luo",
            "Target-aware Dual Adversarial Learning and a Multi-scenario Multi-Modality Benchmark to Fuse Infrared and "
            "Visible for Object Detection",
            "CVPR",
            2022,
        ),
        description="roads, campus and coast by day, night and in fog, colour, mostly 1024x768, registered; 4200 pairs "
        "with boxes of six classes, 300 more for fusion alone",
        pairs=4500,
        tree="M3FD_Detection/{Ir,Vis,Annotation}/, M3FD_Fusion/{Ir,Vis}/",
        manual="The homepage links to Google Drive and Baidu: fetch M3FD_Detection.zip and M3FD_Fusion.zip with a "
        "browser and unpack both into one folder.",
    ),
    CatalogEntry(
        key="llvip",
        title="LLVIP",
        homepage="https://bupt-ai-cz.github.io/LLVIP/",
        licence="non-commercial, cite the paper",
        citation=Citation(
            "X. Jia, C. Zhu, M. Li, W. Tang, W. Zhou",
            "LLVIP: A Visible-infrared Paired Dataset for Low-light Vision",
            "ICCV Workshops",
            2021,
        ),
        description="streets from above, nearly all by night, colour, 1280x1024, registered; 12025 to train and 3463 "
        "to test, boxes of persons",
        pairs=15488,
        tree="infrared/{train,test}/, visible/{train,test}/, Annotations/",
        manual="Accept the terms on the homepage, fetch LLVIP.zip from Google Drive or Baidu with a browser and unpack "
        "it.",
    ),
    CatalogEntry(
        key="m3svd",
        title="M3SVD",
        homepage="https://github.com/Linfeng-Tang/M3SVD",
        licence="MIT",
        citation=Citation(
            "L. Tang, Y. Wang, M. Gong, Z. Li, Y. Deng, X. Yi, C. Li, H. Zhang, H. Xu, J. Ma",
            "VideoFusion: A Spatio-Temporal Collaborative Network for Multi-modal Video Fusion and Restoration",
            "CVPR",
            2026,
        ),
        description="220 synchronised video pairs of many scenes, day and night, colour, 640x480 at 30 frames a "
        "second, registered; published without boxes",
        pairs=153797,
        tree="infrared/*.mp4 and visible/*.mp4 with equal file names; tracks as MOTChallenge text in gt/CLIP/gt.txt",
        manual="The homepage links to Google Drive and Baidu: fetch the videos with a browser into infrared/ and "
        "visible/.",
    ),
)

_BY_KEY = {entry.key: entry for entry in ENTRIES}


def is_rendered(name: str) -> bool:
    """Whether a data set, or a version of one ("challenge/v1"), is made by this project; unknown ones are not."""
    entry = _BY_KEY.get(name.partition("/")[0].lower())
    return entry is not None and entry.rendered


def find(name: str) -> CatalogEntry:
    """The entry called `name` (case does not count); raises `PairError` if there is none."""
    try:
        return _BY_KEY[name.lower()]
    except KeyError:
        raise PairError(
            f"no data set {name!r}; {did_you_mean(name, _BY_KEY) or 'there are ' + ', '.join(_BY_KEY)}; "
            "own images: --infrared DIR --visible DIR"
        ) from None


def locate(entry: CatalogEntry, root: Path | None = None) -> Path | None:
    """The folder that holds a data set, or None.

    Looked for, first hit wins: `root` (the folder itself or one that holds it), ``IVIF_DATA``, and where
    ``python -m datasets download`` puts it. A folder counts by its name: title, title in lower case, or key.
    """
    return next((folder for folder in candidates(entry, root) if folder.is_dir()), None)


def candidates(entry: CatalogEntry, root: Path | None = None) -> list[Path]:
    """Where `locate` looks, in this order."""
    names = (entry.title, entry.key)
    if root is not None:
        return [*(Path(root) / name for name in names), Path(root)]
    return [place / name for place in (data_root(), cache_root() / "data") if place is not None for name in names]


def how_to_get(entry: CatalogEntry) -> str:
    """The commands that bring a missing data set here."""
    fetch = as_typed(f"datasets {'download' if entry.automatic else 'show'} {entry.key}")
    fetch += "" if entry.automatic else " (tells how to get it by hand)"
    return f"{fetch}; or name its folder: --root DIR; or set IVIF_DATA to a folder that holds {entry.title}/"
