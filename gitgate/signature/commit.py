"""Raw commits and tags: a grammar as strict as what git itself writes, and the bytes that a signature covers.

Git reads loosely (the last of two committers, any header that starts with `gpgsig` outside of the signed bytes), and
other programs read loosely in other ways. An object that only one grammar can read leaves them nothing to differ on.
Sources: git/commit.c `parse_buffer_signed_by_header`, git/gpg-interface.c `parse_signed_buffer`, git/fsck.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gitgate.signature.verdict import Code, Failure

MAXIMUM_OBJECT_BYTES = 4 * 1024 * 1024
"""A commit or tag message larger than this is not written by people."""
MAXIMUM_HEADER_BYTES = 256 * 1024
"""Four times the largest signature; reading headers takes time that grows with them."""
_LATEST_SECOND = 253402300799
"""The last second of the year 9999; later dates overflow in some readers."""

_OBJECT_ID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z")
_PERSON = re.compile(rb"([^\x00-\x1f\x7f<>]*) <([^\x00-\x20\x7f<>]*)> (0|[1-9][0-9]{0,11}) ([+-][0-9]{4})\Z")
_TAG_NAME = re.compile(rb"[^\x00-\x20\x7f]+\Z")
_ARMOR_STARTS = (
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN SSH SIGNATURE-----",
    b"-----BEGIN SIGNED MESSAGE-----",
)


@dataclass(frozen=True, slots=True)
class Person:
    """Who an object says wrote it; a claim, proved by nothing.

    Attributes:
        seconds: Since 1970; chosen freely by whoever made the object, so it decides nothing.
    """

    name: str
    email: str
    seconds: int

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitObject:
    """A commit that the grammar accepts.

    Attributes:
        payload: The bytes that a signature covers: the object without its signature header.
        signature: The armor, unfolded; None when there is none or it cannot be told which one counts.
        signature_failure: Why the signature header is not accepted.
    """

    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    payload: bytes
    signature: bytes | None
    signature_failure: Failure | None = None

    @property
    def subject(self) -> str:
        """First line of the message; what is not UTF-8 in it is replaced."""
        return self.payload.partition(b"\n\n")[2].partition(b"\n")[0][:400].decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class TagObject:
    """An annotated tag that the grammar accepts; a signed tag says nothing about the commit that it names."""

    target: str
    target_type: str
    name: str
    tagger: Person
    payload: bytes
    signature: bytes | None
    signature_failure: Failure | None = None


class _Refused(Exception):  # noqa: N818 - a way out of the parser, never seen outside of this module
    """Carries the sentence that says what is wrong."""


def parse_commit(raw: bytes) -> CommitObject | Failure:
    """Read a raw commit; never raises on content."""
    try:
        return _commit(raw)
    except _Refused as refused:
        return Failure(Code.COMMIT_MALFORMED, str(refused))


def parse_tag(raw: bytes) -> TagObject | Failure:
    """Read a raw tag; never raises on content."""
    try:
        return _tag(raw)
    except _Refused as refused:
        return Failure(Code.COMMIT_MALFORMED, str(refused))


@dataclass(frozen=True, slots=True)
class _Header:
    """One header: its name, its value with continuation lines unfolded, and where it stands in the object."""

    name: bytes
    value: bytes
    start: int
    end: int

    @property
    def folded(self) -> bool:
        return b"\n" in self.value


def _commit(raw: bytes) -> CommitObject:
    headers, _ = _split(raw)
    signatures = tuple(header for header in headers if header.name.startswith(b"gpgsig"))
    rest = [header for header in headers if not header.name.startswith(b"gpgsig")]
    tree = _object_id(_take(rest, b"tree"))
    parents: list[str] = []
    while rest and rest[0].name == b"parent":
        parents.append(_object_id(_take(rest, b"parent")))
    author, committer = _person(_take(rest, b"author")), _person(_take(rest, b"committer"))
    if rest and rest[0].name == b"encoding":
        _encoding(_take(rest, b"encoding"))
    if rest:
        raise _Refused(_unexpected(rest[0]))
    if len({len(tree), *map(len, parents)}) != 1:
        raise _Refused("its object names have different lengths")
    if len(set(parents)) != len(parents):
        raise _Refused("it names the same parent twice")
    if signatures and signatures != headers[-len(signatures) :]:
        raise _Refused("the signature header is not the last one")
    failure = _signature_failure(signatures, b"gpgsig" if len(tree) == 40 else b"gpgsig-sha256")
    payload, signature = raw, None
    if signatures and failure is None:
        header = signatures[0]
        payload = raw[: header.start] + raw[header.end :]
        signature = header.value + b"\n"
    return CommitObject(
        tree=tree,
        parents=tuple(parents),
        author=author,
        committer=committer,
        payload=payload,
        signature=signature,
        signature_failure=failure,
    )


def _tag(raw: bytes) -> TagObject:
    headers, message_start = _split(raw)
    rest = list(headers)
    target = _object_id(_take(rest, b"object"))
    target_type = _plain(_take(rest, b"type"))
    if target_type not in {b"commit", b"tree", b"blob", b"tag"}:
        raise _Refused("it names an unknown type of object")
    name = _plain(_take(rest, b"tag"))
    if not _TAG_NAME.match(name):
        raise _Refused("its name has blanks or control characters")
    tagger = _person(_take(rest, b"tagger"))
    if rest:
        raise _Refused(_unexpected(rest[0]))
    starts = _armor_starts(raw, message_start)
    failure = None
    if len(starts) > 1:
        failure = Failure(Code.SIG_MULTIPLE, f"the tag has {len(starts)} signature blocks")
    single = starts[0] if len(starts) == 1 else None
    return TagObject(
        target=target,
        target_type=target_type.decode(),
        name=name.decode("utf-8", "surrogateescape"),
        tagger=tagger,
        payload=raw if single is None else raw[:single],
        signature=None if single is None else raw[single:],
        signature_failure=failure,
    )


def _split(raw: bytes) -> tuple[tuple[_Header, ...], int]:
    """Headers, and the offset at which the message starts."""
    if len(raw) > MAXIMUM_OBJECT_BYTES:
        raise _Refused(f"it is larger than {MAXIMUM_OBJECT_BYTES} bytes")
    if b"\0" in raw:
        raise _Refused("it holds a NUL byte, at which git stops reading its message")
    if raw.find(b"\n\n", 0, MAXIMUM_HEADER_BYTES) < 0 and len(raw) > MAXIMUM_HEADER_BYTES:
        raise _Refused(f"its headers are larger than {MAXIMUM_HEADER_BYTES} bytes")
    found: list[tuple[bytes, int, list[bytes]]] = []
    offset = 0
    while True:
        end = raw.find(b"\n", offset)
        if end < 0:
            raise _Refused("its headers do not end with a blank line")
        if end == offset:
            break
        line = raw[offset:end]
        if line.startswith(b" "):
            if not found:
                raise _Refused("it starts with a continuation line")
            found[-1][2].append(line[1:])
        else:
            name, blank, value = line.partition(b" ")
            if not blank:
                raise _Refused("a header has no value")
            found.append((name, offset, [value]))
        offset = end + 1
    starts = [*(start for _, start, _ in found), offset]
    headers = (_Header(name, b"\n".join(lines), start, starts[at + 1]) for at, (name, start, lines) in enumerate(found))
    return tuple(headers), offset + 1


def _take(rest: list[_Header], name: bytes) -> _Header:
    if not rest or rest[0].name != name:
        found = _unexpected(rest[0]) if rest else "its headers end"
        raise _Refused(f"{found} where {name.decode()!r} must stand")
    return rest.pop(0)


def _unexpected(header: _Header) -> str:
    name = header.name[:40].decode("ascii", "backslashreplace")
    hint = "; merge the commit instead of the tag" if header.name == b"mergetag" else ""
    return f"it has the header {name!r}{hint}"


def _plain(header: _Header) -> bytes:
    if header.folded:
        raise _Refused(f"its header {header.name.decode()!r} goes on over several lines")
    return header.value


def _object_id(header: _Header) -> str:
    value = _plain(header)
    if not _OBJECT_ID.match(value):
        raise _Refused(f"its header {header.name.decode()!r} holds no full object name")
    return value.decode()


def _person(header: _Header) -> Person:
    match = _PERSON.match(_plain(header))
    if match is None or int(match[3]) > _LATEST_SECOND:
        raise _Refused(f"its header {header.name.decode()!r} is not 'name <e-mail> seconds zone'")
    return Person(
        match[1].decode("utf-8", "surrogateescape"), match[2].decode("utf-8", "surrogateescape"), int(match[3])
    )


def _encoding(header: _Header) -> None:
    if _plain(header).upper() not in {b"UTF-8", b"UTF8"}:
        raise _Refused("its text is declared to be something else than UTF-8")


def _signature_failure(signatures: tuple[_Header, ...], expected: bytes) -> Failure | None:
    unknown = [header for header in signatures if header.name not in {b"gpgsig", b"gpgsig-sha256"}]
    if unknown:
        # Git leaves every header that starts with gpgsig out of the signed bytes, so anybody can add this one.
        name = unknown[0].name[:40].decode("ascii", "backslashreplace")
        return Failure(Code.SIG_MALFORMED, f"the header {name!r} is covered by no signature")
    if len(signatures) > 1:
        return Failure(Code.SIG_MULTIPLE, f"the commit has {len(signatures)} signature headers")
    if signatures and signatures[0].name != expected:
        name = signatures[0].name.decode()
        return Failure(Code.SIG_MALFORMED, f"the header {name!r} does not fit the repository's object format")
    return None


def _armor_starts(raw: bytes, message_start: int) -> list[int]:
    starts: list[int] = []
    offset = message_start
    while offset < len(raw):
        if raw.startswith(_ARMOR_STARTS, offset):
            starts.append(offset)
        end = raw.find(b"\n", offset)
        offset = len(raw) if end < 0 else end + 1
    return starts
