"""Download: fetch with checksum and resume, unpack safely, and keep a record of what came from where."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import shutil
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from tqdm import tqdm

from ivif._checkout import as_typed
from ivif.datasets.archives import ArchiveError, Limits, unpack
from ivif.datasets.catalog import CatalogEntry, RemoteFile
from ivif.datasets.files import cache_root, make_folder, sha256_bytes, sha256_file, write_atomic
from ivif.errors import IvifError

__all__ = ["ArchiveError", "DownloadError", "Limits", "ManualDownload", "download", "fetch", "unpack"]

RECORD = "source.json"
LARGEST = 200 << 30
"""Bytes of the largest archive that is fetched where nobody says how large it is."""

_CHUNK = 1 << 18
_RETRIED_CODES = (408, 425, 429, 500, 502, 503, 504)


class DownloadError(IvifError, RuntimeError):
    """A download that failed; the message says what was expected, what was found, and what to do."""


class ManualDownload(DownloadError):
    """A data set that needs a browser; the message holds the steps."""


class _Broken(Exception):
    """The connection failed in a way that may pass."""


@dataclass(frozen=True)
class Fetched:
    """A file that was fetched: the record kept beside the data."""

    url: str
    sha256: str
    size: int
    date: str


@dataclass(frozen=True)
class Record:
    """What `RECORD` holds: the archives, and the digest of the folder that was unpacked from them."""

    files: tuple[Fetched, ...]
    content: str


def download(entry: CatalogEntry, root: Path | None = None, force: bool = False, progress: bool = False) -> Path:
    """Fetch and unpack a data set into ``root/KEY``, where `datasets.load` finds it.

    Args:
        entry: from `datasets.catalog`.
        root: None is the folder of downloads in the cache.
        force: fetch again what is here already. The archive must then equal the recorded one.
        progress: show a progress bar.

    Returns:
        The folder; it appears complete or not at all.

    Raises:
        ManualDownload: the data set cannot be fetched without a browser; the message tells the steps.
        DownloadError: network, checksum, or a folder in the way.
        ArchiveError: the archive is damaged or unsafe.
    """
    root = cache_root() / "data" if root is None else Path(root).expanduser()
    if not entry.automatic:
        steps = entry.manual or f"It is rendered: {as_typed('datasets render --help')}."
        raise ManualDownload(
            f"{entry.title} cannot be fetched by a program.\n  {steps}\n  {entry.homepage}\n  Expected then: "
            f"{root / entry.title}/ with {entry.tree}"
        )
    folder = root / entry.key
    record = read_record(folder)
    if record is not None and not force:
        return folder
    if record is None and folder.exists():
        raise DownloadError(
            f"{folder} exists, but no download made it ({RECORD} is missing): move it or use --root DIR"
        )
    staging = root / f".{entry.key}.{secrets.token_hex(4)}.part"
    try:
        fetched = tuple(_fetch_into(staging, root, entry, file, record, progress) for file in entry.files)
        content = json.dumps(asdict(Record(fetched, tree_digest(staging))), indent=2)
        write_atomic(staging / RECORD, content.encode())
        if record is not None:
            shutil.rmtree(folder)
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def _fetch_into(
    staging: Path, root: Path, entry: CatalogEntry, file: RemoteFile, record: Record | None, progress: bool
) -> Fetched:
    """Fetch one archive, unpack it below `staging`, and drop it."""
    known = {item.url: item.sha256 for item in record.files} if record else {}
    archive = root / f"{entry.key}-{file.name}"
    try:
        fetched = fetch(file.url, archive, file.sha256 or known.get(file.url), file.size, progress=progress)
    except DownloadError as error:
        changed = (
            f"It was recorded on {record.files[0].date}: remove the folder to take a new version. " if record else ""
        )
        raise DownloadError(f"{error}. {changed}By hand: {entry.manual} ({entry.homepage})") from error
    try:
        unpack(archive, staging / Path(file.name).stem)
    except ArchiveError:
        archive.unlink()
        raise
    archive.unlink()
    return fetched


def read_record(folder: Path) -> Record | None:
    """The record of a downloaded folder, None if there is none; raises `DownloadError` if it is damaged."""
    path = Path(folder) / RECORD
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Record(tuple(Fetched(**item) for item in content["files"]), content["content"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise DownloadError(f"{path}: damaged record ({error!r}); remove the folder and download again") from error


def tree_digest(folder: Path) -> str:
    """SHA-256 over names and contents of all files below `folder`, the record excepted."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / RECORD)
    lines = (f"{path.relative_to(folder).as_posix()}\0{sha256_file(path)}" for path in paths)
    return sha256_bytes("\n".join(lines).encode())


def fetch(
    url: str,
    target: Path,
    sha256: str | None = None,
    size: int | None = None,
    *,
    most: int = LARGEST,
    attempts: int = 5,
    pause: float = 1.0,
    timeout: float = 30.0,
    progress: bool = False,
) -> Fetched:
    """Fetch a file over https.

    Bytes go to ``TARGET.part``, which a later call continues (HTTP Range with If-Range: only while the server says
    the file is the same). `target` appears when all bytes are there and the checksum is right.

    Args:
        url: https, as redirects must be too; http from this machine alone.
        target: the file to write.
        sha256: expected checksum; None accepts and reports what comes.
        size: expected bytes; None: what the server says, up to `most`.
        most: bytes beyond which nothing is fetched.
        attempts: how often in a row the connection may fail without bringing a new byte.
        pause: seconds before the second attempt, doubled for each further one.
        timeout: seconds without any byte until a connection counts as broken.
        progress: show a progress bar.

    Raises:
        DownloadError: refused address, HTTP error, connection lost for good, wrong size or checksum. After a wrong
            size or checksum nothing is kept.
    """
    if not _is_safe(url):
        raise DownloadError(f"{url}: only https addresses are fetched")
    target = Path(target)
    make_folder(target.parent)
    part = _Part(target)
    failures, furthest = 0, part.size
    with tqdm(desc=target.name, unit="B", unit_scale=True, disable=not progress, total=size) as bar:
        while True:
            try:
                _receive(url, part, size, most, timeout, bar)
                break
            except _Broken as error:
                failures = 0 if part.size > furthest else failures + 1
                furthest = max(furthest, part.size)
                if failures >= attempts:
                    raise DownloadError(
                        f"{url}: {error}; gave up after {attempts} attempts, run again to go on"
                    ) from error
                time.sleep(pause * 2 ** max(failures - 1, 0))
    return part.finish(url, sha256, size)


class _Part:
    """The unfinished file, and beside it what identifies the server's version of it (ETag or date)."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self.tag_path = target.with_name(f"{target.name}.part.tag")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def tag(self) -> str | None:
        return self.tag_path.read_text(encoding="utf-8") if self.tag_path.exists() else None

    def restart(self, tag: str | None) -> None:
        """Begin with an empty file of the version `tag`."""
        self.discard()
        if tag:
            write_atomic(self.tag_path, tag.encode())
        self.path.touch()

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.tag_path.unlink(missing_ok=True)

    def finish(self, url: str, sha256: str | None, size: int | None) -> Fetched:
        """Check and rename."""
        found, found_size = sha256_file(self.path), self.size
        if size is not None and found_size != size:
            self.discard()
            raise DownloadError(f"{url}: expected {size} bytes, found {found_size}; nothing was kept")
        if sha256 is not None and found != sha256.lower():
            self.discard()
            raise DownloadError(
                f"{url}: wrong checksum, nothing was kept\n  expected SHA-256 {sha256.lower()}\n  found    SHA-256 "
                f"{found}\n  The file was damaged on its way, or its publisher changed it"
            )
        self.path.replace(self.target)
        self.discard()
        return Fetched(url, found, found_size, datetime.now(UTC).date().isoformat())


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but to nothing less than https."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str) -> Any:
        if not _is_safe(newurl):
            raise DownloadError(f"{req.full_url}: redirects to {newurl}, which is refused")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_safe(url: str) -> bool:
    """Whether nobody between can change what comes: https, or this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))


def _receive(url: str, part: _Part, size: int | None, most: int, timeout: float, bar: tqdm) -> None:
    """One connection: go on where `part` ends if the server agrees, else from the start."""
    headers = {"User-Agent": "ivif-bench", "Accept-Encoding": "identity"}
    have, tag = part.size, part.tag
    if have and tag:
        headers |= {"Range": f"bytes={have}-", "If-Range": tag}
    with contextlib.closing(_open(url, headers, timeout, part)) as response:
        continues = response.status == 206 and (response.headers.get("Content-Range") or "").startswith(
            f"bytes {have}-"
        )
        if response.status == 206 and not continues:
            part.discard()
            raise _Broken("the server sent another range than asked for")
        if not continues:
            part.restart(_version(response.headers))
            have = 0
        length = response.headers.get("Content-Length")
        expected = have + int(length) if length and length.isdigit() else None
        bar.total, bar.n = expected or size, have
        bar.refresh()
        _copy(response, part, expected, most if size is None else size, bar)


def _open(url: str, headers: dict[str, str], timeout: float, part: _Part) -> http.client.HTTPResponse:
    opener = urllib.request.build_opener(Redirects)
    try:
        response = opener.open(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            part.discard()
            raise _Broken("the file on the server is shorter than what is here") from error
        if error.code in _RETRIED_CODES:
            raise _Broken(f"HTTP {error.code} {error.reason}") from error
        raise DownloadError(f"{url}: HTTP {error.code} {error.reason}") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise _Broken(str(getattr(error, "reason", error)) or type(error).__name__) from error
    if response.status not in (200, 206):
        response.close()
        raise DownloadError(f"{url}: HTTP {response.status} without the file; open the address in a browser")
    return response


def _version(headers: Any) -> str | None:
    """What If-Range may name: a strong ETag, else the date of the last change."""
    tag = headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _copy(response: IO[bytes], part: _Part, expected: int | None, most: int, bar: tqdm) -> None:
    if expected is not None and expected > most:
        part.discard()
        raise DownloadError(f"{response.geturl()}: announces {expected} bytes, more than the {most} expected")  # type: ignore[attr-defined]
    with part.path.open("ab") as file:
        while True:
            try:
                chunk = response.read(_CHUNK)
            except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
                raise _Broken(f"the connection broke ({type(error).__name__})") from error
            if not chunk:
                break
            file.write(chunk)
            bar.update(len(chunk))
            if file.tell() > most:
                part.discard()
                raise DownloadError(f"{response.geturl()}: sends more than the {most} bytes expected")  # type: ignore[attr-defined]
        if expected is not None and file.tell() < expected:
            raise _Broken(f"the connection closed after {file.tell()} of {expected} bytes")
