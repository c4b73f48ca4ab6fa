"""Published weights: where their authors offer them, under which terms, and how they get here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from datasets.download import DownloadError, fetch
from fusion.method import FusionError
from fusion.weights import published_folder
from fusion.weights.convert import convert
from fusion.weights.manifest import Source, read_manifest

_NO_LICENCE = "research use, cite the paper (no licence is stated with the weights)"


@dataclass(frozen=True)
class RemoteCheckpoint:
    """One file of a checkpoint: its address, and its SHA-256 where it is known (else the first download's counts)."""

    url: str
    sha256: str | None = None

    @property
    def name(self) -> str:
        """What the file is called."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class PublishedWeights:
    """What is known of the weights that somebody published for a network.

    Attributes:
        network: key of the network.
        homepage: where they are presented.
        files: what can be fetched without a browser; empty where there is nothing.
        manual: how to get them by hand, where there are no `files`.
        licence: terms of use.
    """

    network: str
    homepage: str
    files: tuple[RemoteCheckpoint, ...] = ()
    manual: str = ""
    licence: str = _NO_LICENCE


def _github(repository: str, files: Mapping[str, str | None]) -> tuple[RemoteCheckpoint, ...]:
    """Files of the newest version of a repository, by path, with their SHA-256."""
    start = f"https://raw.githubusercontent.com/{repository}/HEAD/"
    return tuple(RemoteCheckpoint(start + quote(path), sha256) for path, sha256 in files.items())


PUBLISHED: dict[str, PublishedWeights] = {
    "didfuse": PublishedWeights(
        "didfuse",
        "https://github.com/Zhaozixiang1228/IVIF-DIDFuse",
        _github(
            "Zhaozixiang1228/IVIF-DIDFuse",
            {
                "Models/Encoder_weight_IJCAI.pkl": "4d84a4e64e58469d3d4591f83c6683ead3e422498519db99bb617cb29d268471",
                "Models/Decoder_weight_IJCAI.pkl": "c6974e2a7c66ab579a77bacb086023237a229e769d459783bad8ff43e52e9986",
            },
        ),
    ),
    "didfuse+rts": PublishedWeights(
        "didfuse",
        "https://github.com/zhenglab/ReferenceSupervisionIVIF",
        _github(
            "zhenglab/ReferenceSupervisionIVIF",
            {
                "DIDFuse/model/Encoder_weight.pkl": "67d6512a7e51f12e6cd3729880002ea840958d184203a6d30857caeb51bb22af",
                "DIDFuse/model/Decoder_weight.pkl": "7dc7ce10bee5a25842713db318b429549e1a7ab670488aec90ce1a39c6296c26",
            },
        ),
    ),
    "pmgi": PublishedWeights(
        "pmgi",
        "https://github.com/HaoZhang1018/PMGI_AAAI2020",
        _github(
            "HaoZhang1018/PMGI_AAAI2020",
            {
                "Code_PMGI/IR_VI/checkpoint/CGAN_120/CGAN.model-1.index": (
                    "043868b3410d237300f80d1d023192f01bd5fd3d7360c2832ffdeb90c01939ea"
                ),
                "Code_PMGI/IR_VI/checkpoint/CGAN_120/CGAN.model-1.data-00000-of-00001": (
                    "005d29cd3fdbf3805369a8372ce3fb15190905db6aed7dee661880776b8cfccf"
                ),
            },
        ),
    ),
    "sdnet": PublishedWeights(
        "sdnet",
        "https://github.com/HaoZhang1018/SDNet",
        _github(
            "HaoZhang1018/SDNet",
            {
                "IR_VIS/checkpoint/IRVIS.model-10.index": (
                    "bed2d4628732a36bc972de1189c4e139d8bc233077da20156e8e662a17df35aa"
                ),
                "IR_VIS/checkpoint/IRVIS.model-10.data-00000-of-00001": (
                    "17e4426453f09f3dae7887244f48eed54550bdd584792ac284597ee3713293a0"
                ),
            },
        ),
    ),
    "fusiongan": PublishedWeights(
        "fusiongan",
        "https://github.com/jiayi-ma/FusionGAN",
        _github(
            "jiayi-ma/FusionGAN",
            {
                "checkpoint/CGAN_120/CGAN.model-3.index": None,
                "checkpoint/CGAN_120/CGAN.model-3.data-00000-of-00001": None,
            },
        ),
    ),
    "ddcgan": PublishedWeights(
        "ddcgan",
        "https://github.com/hanna-xu/DDcGAN",
        _github(
            "hanna-xu/DDcGAN",
            {"models/model/model.ckpt.index": None, "models/model/model.ckpt.data-00000-of-00001": None},
        ),
    ),
    "rfn_nest": PublishedWeights(
        "rfn_nest",
        "https://github.com/hli1221/imagefusion-rfn-nest",
        manual="Unpack the archives of its folder models/, then: python -m fusion weights convert rfn_nest "
        "nestfuse_gray_1e2.model Final_epoch_2_alpha_700_wir_6.0_wvi_3.0_ssim_vi.model",
    ),
    "swinfusion": PublishedWeights(
        "swinfusion",
        "https://github.com/Linfeng-Tang/SwinFusion",
        _github(
            "Linfeng-Tang/SwinFusion",
            {"Model/Infrared_Visible_Fusion/Infrared_Visible_Fusion/models/10000_E.pth": None},
        ),
    ),
    "mgt": PublishedWeights(
        "mgt",
        "https://github.com/zhenglab/ReferenceSupervisionIVIF",
        manual="Its authors publish the code without weights; train it: python -m fusion train mgt",
    ),
}
"""By key: a network's, for its authors' own weights, or one with ``+rts``, for weights others retrained it to."""


def fetch_published(key: str, folder: Path | None = None, progress: bool = False) -> Path:
    """Fetch published weights and convert them.

    The checkpoint stays in the folder ``sources/KEY``. Where no checksum is known, that of the first download is
    recorded in the manifest and expected from then on.

    Args:
        key: of `PUBLISHED`.
        folder: None is where ``NETWORK+published`` looks.
        progress: show a progress bar.

    Returns:
        ``KEY.safetensors`` in the folder.

    Raises:
        FusionError: unknown key, nothing to fetch, no connection, wrong checksum, or a checkpoint that does not fit.
    """
    if key not in PUBLISHED:
        raise FusionError(f"no published weights of {key!r} are known; there are {', '.join(PUBLISHED)}")
    weights = PUBLISHED[key]
    if not weights.files:
        raise FusionError(f"weights of {key} cannot be fetched by a program: {weights.homepage}\n  {weights.manual}")
    folder = published_folder() if folder is None else Path(folder)
    target = folder / f"{key}.safetensors"
    known = _recorded(target)
    sources = [folder / "sources" / key / file.name for file in weights.files]
    try:
        for file, path in zip(weights.files, sources, strict=True):
            fetch(file.url, path, file.sha256 or known.get(file.url), progress=progress)
    except DownloadError as error:
        raise FusionError(f"{error}\n  By hand: {weights.homepage}, then python -m fusion weights convert") from error
    convert(weights.network, sources, target, weights.licence, {file.name: file.url for file in weights.files})
    return target


def _recorded(target: Path) -> dict[str, str]:
    """Checksums of the sources of a file that was made before."""
    if not target.is_file():
        return {}
    sources: tuple[Source, ...] = read_manifest(target).source
    return {source.path: source.sha256 for source in sources}
