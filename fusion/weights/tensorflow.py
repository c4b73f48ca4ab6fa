"""TensorFlow checkpoints, read as numbers alone: the files ``PREFIX.index`` and ``PREFIX.data-00000-of-00001``.

The index is a sorted string table (as in LevelDB): blocks of entries whose keys are written as "so many bytes of the
key before, then these", followed by the type of compression and a checksum; a footer of 48 bytes says where the block
lies that lists the other blocks. Values are protocol buffers: under the empty key the header, under the name of each
variable its type, shape, place in the data file and checksum. Nothing in either file is executed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ivif.fusion.method import FusionError

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_BLOCK_TRAILER = 5
_TYPES = {1: np.float32, 2: np.float64, 3: np.int32, 9: np.int64, 19: np.float16}
"""Numbers of TensorFlow's data types."""


def read_bundle(prefix: Path) -> dict[str, NDArray]:
    """All variables of a checkpoint by name.

    Args:
        prefix: what the file names have in common, or the path of the index.

    Raises:
        FusionError: a file is missing or damaged, or holds what this reader does not know.
    """
    index = index_file(prefix)
    content = _read(index)
    if len(content) < _FOOTER or struct.unpack("<Q", content[-8:])[0] != _MAGIC:
        raise FusionError(f"{index}: not the index of a TensorFlow checkpoint (its last 8 bytes are others)")
    try:
        entries = list(_table(content, index))
        shards = _header(dict(entries).get(b"", b""), index)
        data = [_read(path) for path in data_files(index, shards)]
        return {name.decode(): _variable(name.decode(), value, data, index) for name, value in entries if name}
    except FusionError:
        raise
    except Exception as error:  # damaged numbers may be anything: places, sides, kinds
        raise FusionError(f"{index}: damaged ({error}); fetch it again") from error


def index_file(prefix: Path) -> Path:
    """The index that belongs to a prefix, an index or a data file."""
    prefix = Path(prefix)
    name = prefix.name.split(".data-")[0].removesuffix(".index")
    return prefix.with_name(f"{name}.index")


def data_files(index: Path, shards: int = 1) -> list[Path]:
    """The files that hold the numbers of an index."""
    prefix = index.name.removesuffix(".index")
    return [index.with_name(f"{prefix}.data-{number:05d}-of-{shards:05d}") for number in range(shards)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FusionError(f"{path}: cannot be read ({error.strerror}); a checkpoint has an index and data") from error


def _table(content: bytes, index: Path) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a sorted string table, in order."""
    footer = content[-_FOOTER:]
    _, position = _handle(footer, 0)
    (start, size), _ = _handle(footer, position)
    for _, handle in _block(content, start, size, index):
        (start, size), _ = _handle(handle, 0)
        yield from _block(content, start, size, index)


def _block(content: bytes, start: int, size: int, index: Path) -> Iterator[tuple[bytes, bytes]]:
    end = start + size
    if end + _BLOCK_TRAILER > len(content):
        raise FusionError(f"{index}: a block ends after the file; it was cut off, fetch it again")
    if content[end] != 0:
        raise FusionError(f"{index}: its blocks are compressed, as TensorFlow 1.1 may; save it again with a newer one")
    if _masked(crc32c(content[start : end + 1])) != struct.unpack_from("<I", content, end + 1)[0]:
        raise FusionError(f"{index}: wrong checksum of a block; fetch it again")
    restarts = struct.unpack_from("<I", content, end - 4)[0]
    position, stop, key = start, end - 4 - 4 * restarts, b""
    while position < stop:
        shared, position = _varint(content, position)
        fresh, position = _varint(content, position)
        length, position = _varint(content, position)
        key = key[:shared] + content[position : position + fresh]
        position += fresh
        yield key, content[position : position + length]
        position += length


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """(start, size) of a block, and where reading goes on."""
    start, position = _varint(data, position)
    size, position = _varint(data, position)
    return (start, size), position


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A whole number in groups of seven bits, lowest first, and where reading goes on."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a protocol buffer's fields."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        kind = tag & 7
        if kind == 0:
            value, position = _varint(message, position)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, position = _varint(message, position)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise IndexError(f"protocol buffer field of kind {kind}")
        yield tag >> 3, message[position : position + size]
        position += size


def _header(message: bytes, index: Path) -> int:
    """Number of data files."""
    fields = dict(_fields(message))
    if fields.get(2, 0) != 0:
        raise FusionError(f"{index}: numbers are big-endian, which this reader does not know")
    shards = fields.get(1, 0)
    if not isinstance(shards, int) or not 1 <= shards <= 1000:
        raise FusionError(f"{index}: expected a header that tells the number of data files")
    return shards


@dataclass
class _Entry:
    """Where a variable lies: data type, sides, data file, offset and size in bytes, checksum."""

    kind: int = 0
    shape: tuple[int, ...] = ()
    shard: int = 0
    offset: int = 0
    size: int = 0
    checksum: int = 0


def _entry(message: bytes, name: str, index: Path) -> _Entry:
    entry, numbers = _Entry(), {1: "kind", 3: "shard", 4: "offset", 5: "size"}
    for number, value in _fields(message):
        if number in numbers:
            setattr(entry, numbers[number], value)
        elif number == 2 and isinstance(value, bytes):
            entry.shape = tuple(_side(side) for field, side in _fields(value) if field == 2)
        elif number == 6 and isinstance(value, bytes):
            entry.checksum = struct.unpack("<I", value)[0]
        elif number == 7:
            raise FusionError(f"{index}: {name} is stored in slices, which this reader does not know")
    return entry


def _side(message: int | bytes) -> int:
    size = dict(_fields(message)).get(1, 0) if isinstance(message, bytes) else 0
    return size if isinstance(size, int) else 0


def _variable(name: str, message: bytes, data: list[bytes], index: Path) -> NDArray:
    entry = _entry(message, name, index)
    if entry.kind not in _TYPES:
        raise FusionError(f"{index}: {name} has data type {entry.kind}; expected numbers ({sorted(_TYPES)})")
    dtype = np.dtype(_TYPES[entry.kind]).newbyteorder("<")
    content = data[entry.shard][entry.offset : entry.offset + entry.size]
    expected = int(np.prod(entry.shape, dtype=object)) * dtype.itemsize
    if not len(content) == entry.size == expected:
        raise FusionError(f"{index}: {name} should be {expected} bytes, found {len(content)}; data was cut off")
    if _masked(crc32c(content)) != entry.checksum:
        raise FusionError(f"{index}: wrong checksum of {name}; index and data differ in origin or are damaged")
    return np.frombuffer(content, dtype).reshape(entry.shape).astype(dtype.newbyteorder("="))


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC = _crc_table()


def crc32c(data: bytes) -> int:
    """Cyclic redundancy check with Castagnoli's polynomial, as in RFC 3720."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _CRC[(value ^ byte) & 255] ^ value >> 8
    return value ^ 0xFFFFFFFF


def _masked(crc: int) -> int:
    """How tables store a checksum, so that the checksum of data with checksums in it stays a good one."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
