"""Downloads from a server in this process that behaves well, badly and worse; and archives of all kinds."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import stat
import tarfile
import threading
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ivif import datasets
from ivif.datasets.archives import ArchiveError, Limits, unpack
from ivif.datasets.catalog import CatalogEntry, Citation, RemoteFile
from ivif.datasets.download import DownloadError, ManualDownload, Redirects, download, fetch, read_record
from ivif.datasets.verify import verify_download

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """A file on a server, and how the server treats it.

    Attributes:
        content: the file.
        cuts: for each request in turn, after how many bytes of the body the connection closes (None: never).
        ranges: whether Range is honoured.
        etag: the file's version; None sends no validator at all.
        status: answer every request with this error instead.
        log: the Range header of each request.
    """

    content: bytes = CONTENT
    cuts: list[int | None] = field(default_factory=list)
    ranges: bool = True
    etag: str | None = '"one"'
    status: list[int] = field(default_factory=list)
    log: list[str | None] = field(default_factory=list)
    redirect: str | None = None
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.log.append(request.headers.get("Range"))
        if self.redirect is not None:
            request.send_response(302)
            request.send_header("Location", self.redirect)
            request.end_headers()
            return
        if self.status:
            request.send_error(self.status.pop(0))
            return
        asked = request.headers.get("Range")
        start = 0
        if asked and self.ranges and request.headers.get("If-Range") == self.etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        body = self.content[start:]
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        if self.etag:
            request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        cut = self.cuts.pop(0) if self.cuts else None
        request.wfile.write(body[:cut])
        request.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.answer(self)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        state.url = f"http://127.0.0.1:{http.server_port}/file.zip"
        yield state
        http.shutdown()
        thread.join()


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- fetch


def test_fetch_plain(server: Server, tmp_path: Path) -> None:
    fetched = fetch(server.url, tmp_path / "a.zip", SHA256.upper(), len(CONTENT), pause=0)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert (fetched.sha256, fetched.size, fetched.url) == (SHA256, len(CONTENT), server.url)
    assert left_behind(tmp_path) == ["a.zip"]


def test_fetch_resumes_after_broken_connections(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000, 100_000, None]
    fetch(server.url, tmp_path / "a.zip", SHA256, pause=0)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert server.log == [None, "bytes=300000-", "bytes=400000-"]


def test_fetch_goes_on_where_an_earlier_call_gave_up(server: Server, tmp_path: Path) -> None:
    server.cuts = [500_000, 0]
    with pytest.raises(DownloadError, match=r"closed after 500000 of 1024000 bytes; gave up"):
        fetch(server.url, tmp_path / "a.zip", attempts=1, pause=0)
    assert not (tmp_path / "a.zip").exists()
    fetch(server.url, tmp_path / "a.zip", SHA256, pause=0)
    assert server.log[-1] == "bytes=500000-"
    assert left_behind(tmp_path) == ["a.zip"]


def test_fetch_starts_again_where_the_server_knows_no_ranges(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cuts = False, [300_000, None]
    fetch(server.url, tmp_path / "a.zip", SHA256, pause=0)
    assert server.log == [None, "bytes=300000-"]
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_fetch_starts_again_without_a_validator(server: Server, tmp_path: Path) -> None:
    server.etag, server.cuts = None, [300_000, None]
    fetch(server.url, tmp_path / "a.zip", SHA256, pause=0)
    assert server.log == [None, None]


def test_fetch_never_joins_halves_of_two_versions(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000, 0]
    with pytest.raises(DownloadError):
        fetch(server.url, tmp_path / "a.zip", attempts=1, pause=0)
    server.content, server.etag, server.cuts = CONTENT[::-1], '"two"', []
    fetch(server.url, tmp_path / "a.zip", pause=0)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT[::-1]


def test_fetch_gives_up_when_no_attempt_brings_more(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cuts = False, [1000] * 20
    with pytest.raises(DownloadError, match="gave up after 3 attempts"):
        fetch(server.url, tmp_path / "a.zip", attempts=3, pause=0)
    assert len(server.log) == 4
    assert not (tmp_path / "a.zip").exists()


def test_fetch_wrong_checksum_keeps_nothing(server: Server, tmp_path: Path) -> None:
    expected = "0" * 64
    with pytest.raises(DownloadError) as caught:
        fetch(server.url, tmp_path / "a.zip", expected, pause=0)
    assert expected in str(caught.value)
    assert SHA256 in str(caught.value)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1])
def test_fetch_wrong_size_keeps_nothing(server: Server, tmp_path: Path, size: int) -> None:
    with pytest.raises(DownloadError, match=str(size)):
        fetch(server.url, tmp_path / "a.zip", size=size, pause=0)
    assert left_behind(tmp_path) == []


def test_fetch_404_is_final_and_503_is_not(server: Server, tmp_path: Path) -> None:
    server.status = [503, 404]
    with pytest.raises(DownloadError, match="HTTP 404"):
        fetch(server.url, tmp_path / "a.zip", pause=0)
    assert len(server.log) == 2
    server.status = [503, 500]
    fetch(server.url, tmp_path / "a.zip", SHA256, pause=0)


def test_fetch_when_the_part_is_longer_than_the_file(server: Server, tmp_path: Path) -> None:
    server.cuts = [900_000, 0]
    with pytest.raises(DownloadError):
        fetch(server.url, tmp_path / "a.zip", attempts=1, pause=0)
    server.status = [416]
    fetch(server.url, tmp_path / "a.zip", SHA256, pause=0)
    assert server.log[-2:] == ["bytes=900000-", None]


def test_fetch_from_nobody(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="gave up after 2 attempts"):
        fetch("http://127.0.0.1:9/a.zip", tmp_path / "a.zip", attempts=2, pause=0, timeout=2)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://127.0.0.1/a.zip", "a.zip", "http://example.org/a.zip", "http://127.0.0.1.x.org/a"],
)
def test_fetch_https_only(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="only https"):
        fetch(url, tmp_path / "a.zip")


def test_fetch_follows_no_redirect_to_other_schemes(server: Server, tmp_path: Path) -> None:
    server.redirect = "ftp://127.0.0.1/a.zip"
    with pytest.raises(DownloadError, match="redirects to ftp"):
        fetch(server.url, tmp_path / "a.zip", pause=0)


def test_fetch_stops_at_the_most_that_is_allowed(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="more than the 1000 expected"):
        fetch(server.url, tmp_path / "a.zip", most=1000, pause=0)
    assert list(tmp_path.iterdir()) == []


def test_no_redirect_from_https_to_http() -> None:
    request = urllib.request.Request("https://example.org/a.zip")
    follow = Redirects().redirect_request
    with pytest.raises(DownloadError, match="redirects to http://"):
        follow(request, None, 302, "Found", {}, "http://example.org/a.zip")
    assert follow(request, None, 302, "Found", {}, "https://example.org/b.zip").full_url == "https://example.org/b.zip"


# --- unpack


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in members:
            file.writestr(name, content)
    return buffer.getvalue()


def tarred(*members: tuple[str | tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as file:
        for member, content in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def tar_special(kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo("special")
    info.type, info.linkname = kind, target
    return info


def zip_special(mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("special")
    info.create_system, info.external_attr = 3, mode << 16
    return info


def refuse(tmp_path: Path, archive: bytes, match: str, limits: Limits | None = None) -> None:
    """Unpacking raises, and leaves neither the folder nor anything beside it."""
    box = tmp_path / "box"
    box.mkdir()
    (box / "archive").write_bytes(archive)
    with pytest.raises(ArchiveError, match=match):
        unpack(box / "archive", box / "out", limits)
    assert left_behind(box) == ["archive"]
    assert left_behind(tmp_path) == ["box"]


def keep(data: bytes) -> bytes:
    return data


@pytest.mark.parametrize("compress", [keep, gzip.compress, bz2.compress, lzma.compress])
def test_unpack_tar(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    top = tarfile.TarInfo("./")
    top.type = tarfile.DIRTYPE
    (tmp_path / "archive").write_bytes(compress(tarred((top, b""), ("./a/b.txt", b"hello"), ("c.txt", CONTENT))))
    unpack(tmp_path / "archive", tmp_path / "out")
    assert (tmp_path / "out/a/b.txt").read_bytes() == b"hello"
    assert (tmp_path / "out/c.txt").read_bytes() == CONTENT
    assert left_behind(tmp_path) == ["archive", "out"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_unpack_zip(tmp_path: Path, compression: int) -> None:
    content = zipped(("a/", b""), ("a/b.txt", b"hello"), ("w\\c.txt", CONTENT), compression=compression)
    (tmp_path / "archive").write_bytes(content)
    unpack(tmp_path / "archive", tmp_path / "deep/out")
    assert (tmp_path / "deep/out/a/b.txt").read_bytes() == b"hello"
    assert (tmp_path / "deep/out/w/c.txt").read_bytes() == CONTENT


def test_unpack_does_not_touch_an_existing_folder(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(zipped(("a", b"1")))
    (tmp_path / "out").mkdir()
    with pytest.raises(FileExistsError, match="remove it first"):
        unpack(tmp_path / "archive", tmp_path / "out")
    assert left_behind(tmp_path / "out") == []


OUTSIDE = ["../evil", "a/../../evil", "/evil", "C:/evil", "c:evil", "..\\evil", "\\evil", "a/..", "//server/evil"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_unpack_refuses_names_that_lead_out(tmp_path: Path, name: str) -> None:
    (tmp_path / "zip").mkdir()
    (tmp_path / "tar").mkdir()
    refuse(tmp_path / "zip", zipped(("good", b"1"), (name, b"2")), "leads out")
    refuse(tmp_path / "tar", tarred(("good", b"1"), (name, b"2")), "leads out")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_unpack_refuses_links_and_devices_in_tar(tmp_path: Path, kind: bytes) -> None:
    refuse(tmp_path, tarred(("good", b"1"), (tar_special(kind, "good"), b"")), "link or a device")


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o600, stat.S_IFCHR | 0o600])
def test_unpack_refuses_links_and_devices_in_zip(tmp_path: Path, mode: int) -> None:
    refuse(tmp_path, zipped(("good", b"1"), (zip_special(mode), b"good")), "link or a device")


def test_unpack_refuses_bombs(tmp_path: Path) -> None:
    zeros = bytes(40 << 20)
    for name, archive in (
        ("zip", zipped(("zeros", zeros))),
        ("gz", gzip.compress(tarred(("zeros", zeros)))),
        ("xz", lzma.compress(tarred(("zeros", zeros)), preset=0)),
    ):
        (tmp_path / name).mkdir()
        refuse(tmp_path / name, archive, "decompression bomb")


def test_unpack_refuses_a_bomb_in_a_tar_header(tmp_path: Path) -> None:
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.XHDTYPE, 40 << 20
    refuse(tmp_path, gzip.compress(header.tobuf() + bytes(header.size)), "decompression bomb")


def test_unpack_limits(tmp_path: Path) -> None:
    for name in ("members", "total"):
        (tmp_path / name).mkdir()
    refuse(
        tmp_path / "members", zipped(("a", b"1"), ("b", b"2"), ("c", b"3")), "more than 2 members", Limits(members=2)
    )
    refuse(tmp_path / "total", zipped(("a", b"12345"), ("b", b"67890")), "more than 9 bytes", Limits(total=9))


def test_unpack_refuses_two_members_of_one_name(tmp_path: Path) -> None:
    for name in ("file", "folder"):
        (tmp_path / name).mkdir()
    refuse(tmp_path / "file", tarred(("a", b"1"), ("a", b"2")), "twice")
    refuse(tmp_path / "folder", tarred(("a", b"1"), ("a/b", b"2")), "twice|at once")


def test_unpack_refuses_damage(tmp_path: Path) -> None:
    whole = zipped(("a", CONTENT), compression=zipfile.ZIP_STORED)
    flipped = bytearray(whole)
    flipped[5000] ^= 0xFF
    damaged = {
        "cut-zip": whole[:-100],
        "flipped-zip": bytes(flipped),
        "cut-gz": gzip.compress(tarred(("a", CONTENT)))[:-2000],
        "cut-bz2": bz2.compress(tarred(("a", CONTENT)))[:-200],
        "cut-xz": lzma.compress(tarred(("a", CONTENT)))[:-100],
        "cut-tar": tarred(("a", CONTENT))[:5000],
        "noise-bz2": b"BZh9" + bytes(100),
        "text": b"<html>please log in</html>" * 100,
        "empty": b"",
    }
    for name, archive in damaged.items():
        (tmp_path / name).mkdir()
        refuse(tmp_path / name, archive, "damaged")


# --- download


def entry(url: str, sha256: str | None = None) -> CatalogEntry:
    return CatalogEntry(
        key="vifb",
        title="VIFB",
        homepage="https://example.org",
        licence="test",
        citation=Citation("A", "T", "V", 2020),
        description="test",
        pairs=1,
        tree="input/IR and input/VI",
        files=(RemoteFile(url, "VIFB.zip", sha256),) if url else (),
        manual="Ask the author.",
    )


@pytest.fixture
def archive(server: Server) -> bytes:
    picture = io.BytesIO()
    from PIL import Image

    Image.new("L", (8, 6), 90).save(picture, "PNG")
    server.content = zipped(
        ("VIFB-22b2/input/IR/a.png", picture.getvalue()), ("VIFB-22b2/input/VI/a.png", picture.getvalue())
    )
    return server.content


def test_download_unpacks_and_records(server: Server, archive: bytes, tmp_path: Path) -> None:
    folder = download(entry(server.url), tmp_path)
    assert folder == tmp_path / "vifb"
    assert [pair.name for pair in datasets.load("vifb", tmp_path)] == ["a"]
    record = json.loads((folder / "source.json").read_text())
    assert record["files"][0]["sha256"] == hashlib.sha256(archive).hexdigest()
    assert record["files"][0]["size"] == len(archive)
    assert record["files"][0]["url"] == server.url
    assert left_behind(tmp_path) == ["vifb"]


def test_download_goes_to_the_cache_where_load_finds_it(
    server: Server, archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IVIF_DATA", raising=False)
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path))
    assert download(entry(server.url)) == tmp_path / "data/vifb"
    assert len(datasets.load("vifb")) == 1


def test_download_twice_asks_the_server_once(server: Server, archive: bytes, tmp_path: Path) -> None:
    download(entry(server.url), tmp_path)
    download(entry(server.url), tmp_path)
    assert len(server.log) == 1
    download(entry(server.url), tmp_path, force=True)
    assert len(server.log) == 2
    assert read_record(tmp_path / "vifb") is not None


def test_download_compares_with_the_record(server: Server, archive: bytes, tmp_path: Path) -> None:
    folder = download(entry(server.url), tmp_path)
    server.content, server.etag = zipped(("VIFB/input/IR/other.png", b"1")), '"two"'
    with pytest.raises(DownloadError, match=r"wrong checksum[\s\S]*remove the folder to take a new version"):
        download(entry(server.url), tmp_path, force=True)
    assert (folder / "VIFB/VIFB-22b2/input/IR/a.png").exists()


def test_download_wrong_checksum_or_damage_leaves_nothing(server: Server, archive: bytes, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="By hand: Ask the author"):
        download(entry(server.url, "0" * 64), tmp_path)
    server.content = b"<html>not found</html>"
    with pytest.raises(ArchiveError, match="neither a zip nor a tar"):
        download(entry(server.url), tmp_path)
    assert left_behind(tmp_path) == []


def test_download_keeps_off_a_folder_it_did_not_make(server: Server, archive: bytes, tmp_path: Path) -> None:
    (tmp_path / "vifb").mkdir()
    with pytest.raises(DownloadError, match="no download made it"):
        download(entry(server.url), tmp_path)
    assert server.log == []


def test_download_by_hand(tmp_path: Path) -> None:
    with pytest.raises(ManualDownload, match=r"Ask the author\.\s+https://example.org[\s\S]*input/IR"):
        download(entry(""), tmp_path)


def test_verify_download_sees_changed_files(server: Server, archive: bytes, tmp_path: Path) -> None:
    folder = download(entry(server.url), tmp_path)
    assert verify_download(folder) == []
    (folder / "VIFB/VIFB-22b2/input/IR/a.png").write_bytes(b"changed")
    assert [(item.kind, item.severity) for item in verify_download(folder)] == [("changed", "error")]
    assert verify_download(tmp_path) == []
