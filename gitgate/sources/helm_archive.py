"""Packed charts (`charts/*.tgz`): unpacked in memory, within limits, to see what Helm will find in them."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator

UNPACKED_LIMIT = 64 * 1024 * 1024
"""Bytes that one archive may unpack to; Helm itself stops at 100 MiB."""
_FILE_LIMIT = 5_000
_CHUNK = 1 << 20


class ArchiveError(Exception):
    """The archive cannot be read, or not within the limits."""


def unpack(data: bytes) -> dict[str, bytes]:
    """The regular files of a packed chart, by path below the chart's directory.

    Source: helm.sh/helm, pkg/chart/loader/archive.go, `LoadArchiveFiles`: the first part of each name is left out.

    Raises:
        ArchiveError: It is none, holds too much, or a name leads out of it.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(_decompress(data)), mode="r:") as archive:
            return dict(_files(archive))
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, OverflowError, RecursionError) as error:
        raise ArchiveError(f"it cannot be unpacked ({type(error).__name__})") from error


def _decompress(data: bytes) -> bytes:
    found = io.BytesIO()
    rest = data
    while rest.startswith(b"\x1f\x8b"):
        # Several members one after the other are one stream, for Go as well.
        stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        part = stream.decompress(rest, _CHUNK)
        while part or stream.unconsumed_tail:
            found.write(part)
            if found.tell() > UNPACKED_LIMIT:
                raise ArchiveError(f"it unpacks to more than {UNPACKED_LIMIT} bytes")
            part = stream.decompress(stream.unconsumed_tail, _CHUNK)
        rest = stream.unused_data
    if not found.tell():
        raise ArchiveError("it is no gzip archive")
    return found.getvalue()


def _files(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for number, member in enumerate(archive):
        if number >= _FILE_LIMIT:
            raise ArchiveError(f"it holds more than {_FILE_LIMIT} files")
        parts = member.name.replace("\\", "/").split("/")
        if ".." in parts or member.name.startswith("/"):
            raise ArchiveError("a name in it leads out of it")
        if member.islnk() or member.issym():
            raise ArchiveError("it holds a link")
        if not member.isreg() or len(parts) < 2:
            continue
        content = archive.extractfile(member)
        yield "/".join(parts[1:]), content.read() if content is not None else b""
