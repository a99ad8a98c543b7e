"""Adopting signatures: principals for `.gitgate/signers.yaml`, from key files and from what history shows.

What is written is an edit of the work tree and nothing more: it counts once the base's administrators have merged it.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gitgate.errors import GitgateError, UsageError
from gitgate.git import Repository
from gitgate.signature.armor import read_armor
from gitgate.signature.commit import CommitObject, parse_commit
from gitgate.signature.packets import PacketError, read_certificate, read_signature
from gitgate.signature.signers_file import SIGNERS_PATH, SignersError, load_signers
from gitgate.signature.ssh import read_ssh_signature
from gitgate.signature.ssh_wire import WireError, fingerprint, read_key_line
from gitgate.signature.verdict import Failure, Format
from gitgate.tree import DirectoryTree

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?\Z")
_PRINCIPALS = re.compile(r"^principals:[ \t]*\n(?P<indent>[ ]+)(?=\S)", re.MULTILINE)
_VERSION = re.compile(r"^(version:[ \t]*)([0-9]+)", re.MULTILINE)
_FIRST = """\
# Who may sign what; read from the protected branch only. See docs/signatures.md of gitgate.
apiVersion: gitgate.dev/v1
kind: Signers
version: 1
principals:
{entry}admins: {{signers: [{name}]}}
"""


@dataclass(frozen=True, slots=True)
class _Key:
    """A public key and the file below `.gitgate/` that shall hold it."""

    format: Format
    fingerprint: str
    file: str
    data: bytes


@dataclass(slots=True)
class _Seen:
    """What the history shows of one key."""

    format: Format
    commits: int = 0
    committers: Counter[str] = field(default_factory=Counter)


def add_signer(directory: Path, name: str, emails: Sequence[str], files: Sequence[Path], *, bot: bool) -> list[str]:
    """Declare a principal in a work tree's signers file, and put the keys beside it.

    Args:
        directory: The work tree.
        name: Of the principal.
        emails: Addresses that its commits may name.
        files: OpenPGP certificates, or files with an SSH public key per line, as platforms publish them.
        bot: Is it a machine? Then a rule with narrow paths must name it.

    Returns:
        What was done, a line each.

    Raises:
        UsageError: A key or name cannot be used, or the file cannot take the entry; nothing is changed then.
        GitgateError: Something cannot be written.
    """
    if not _NAME.match(name):
        raise UsageError(f"{name!r} cannot be a principal's name", remedy="Use a-z, 0-9, '.', '_' and '-'.")
    keys = [key for file in files for key in _keys(file, name)]
    keys = [_in_file(key, name, index) for index, key in enumerate(keys)]
    place = directory / SIGNERS_PATH
    old = _read(place) if place.exists() else None
    text = _FIRST.format(entry=_entry(name, emails, keys, bot, "  "), name=name) if old is None else ""
    if old is not None:
        text = _inserted(old.decode("utf-8", "surrogateescape"), name, emails, keys, bot=bot)
    written: list[tuple[Path, bytes | None]] = []
    try:
        for path, data in (
            *((directory / ".gitgate" / key.file, key.data) for key in keys),
            (place, text.encode("utf-8", "surrogateescape")),
        ):
            before = _read(path) if path.exists() else None
            if before is not None and path != place and before != data:
                raise _taken(path)
            written.append((path, before))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        load_signers(DirectoryTree(directory, [directory / ".gitgate"]))
    except (SignersError, UsageError) as error:
        _undo(written)
        raise UsageError(f"nothing was changed: {error}", remedy=error.remedy) from error
    except OSError as error:
        _undo(written)
        raise GitgateError(f"nothing was changed: {error.strerror}") from error
    confirm = "Confirm each fingerprint with its owner over another channel, then commit .gitgate/."
    return [f"{name}: {key.format} {key.fingerprint} in .gitgate/{key.file}" for key in keys] + [confirm]


def suggest_signers(repository: Repository, revision: str, limit: int) -> Iterator[str]:
    """Principals that the signatures in the history speak of, as lines of YAML; nothing of it is proved.

    Args:
        repository: The clean room.
        revision: Whose history.
        limit: Commits that are read at most.

    Raises:
        GitgateError: The history cannot be read.
    """
    seen: defaultdict[str, _Seen] = defaultdict(lambda: _Seen(Format.OPENPGP))
    unsigned = 0
    for _, kind, raw in repository.objects(repository.commits(None, repository.resolve(revision))[:limit]):
        commit = parse_commit(raw) if kind == "commit" else None
        found = _signer(commit) if isinstance(commit, CommitObject) else None
        if found is None or not isinstance(commit, CommitObject):
            unsigned += 1
            continue
        entry = seen[found[1]]
        entry.format = found[0]
        entry.commits += 1
        entry.committers[f"{commit.committer.name} <{commit.committer.email}>"] += 1
    yield f"# {unsigned} commits without a signature that can be read; {len(seen)} keys signed others."
    yield "# Unproven: a signature in the history names a key, and anybody can make one in any name. Confirm each"
    yield "# fingerprint with its owner over another channel, get the key from them, and run:"
    yield "#   gitgate signer add NAME --email ADDRESS --key FILE"
    for name, entry in sorted(seen.items(), key=lambda item: (-item[1].commits, item[0])):
        committers = ", ".join(json.dumps(who) for who, _ in entry.committers.most_common(3))
        key = f"type: {entry.format}, fingerprint: {json.dumps(name)}"
        yield f"- {{{key}, commits: {entry.commits}, committers: [{committers}]}}"


def _signer(commit: CommitObject) -> tuple[Format, str] | None:
    """Kind and key that a commit's signature names."""
    armored = read_armor(commit.signature) if commit.signature is not None else None
    if armored is None or isinstance(armored, Failure):
        return None
    if armored.format is Format.SSH:
        signature = read_ssh_signature(armored.data)
        return None if isinstance(signature, Failure) else (Format.SSH, fingerprint(signature.key_blob))
    packet = read_signature(armored.data) if armored.format is Format.OPENPGP else None
    if packet is None or isinstance(packet, Failure):
        return None
    return Format.OPENPGP, packet.issuer or packet.key_id


def _keys(file: Path, name: str) -> Iterator[_Key]:
    data = _read(file)
    try:
        if b"-----BEGIN PGP PUBLIC KEY BLOCK-----" in data:
            yield _Key(Format.OPENPGP, read_certificate(data).fingerprint, "", data)
            return
        lines = [line for line in data.decode("utf-8").splitlines() if line.strip() and not line.startswith("#")]
        for line in lines or [""]:
            yield _Key(Format.SSH, read_key_line(line).fingerprint, "", line.encode() + b"\n")
    except (PacketError, WireError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is no public key of {name}: {error}") from error


def _in_file(key: _Key, name: str, index: int) -> _Key:
    """The key with the file that it shall be in: `keys/alice.pub`, `keys/alice-2.pub`."""
    stem = name if index == 0 else f"{name}-{index + 1}"
    suffix = "asc" if key.format is Format.OPENPGP else "pub"
    return _Key(key.format, key.fingerprint, f"keys/{stem}.{suffix}", key.data)


def _entry(name: str, emails: Sequence[str], keys: Sequence[_Key], bot: bool, indent: str) -> str:  # noqa: FBT001
    lines = [f"{indent}{json.dumps(name)}:"]
    lines += [f"{indent}  kind: bot"] if bot else []
    lines += [f"{indent}  emails: {json.dumps(list(emails))}", f"{indent}  keys:"]
    lines += [
        f"{indent}    - {{type: {key.format}, fingerprint: {json.dumps(key.fingerprint)}, file: {key.file}}}"
        for key in keys
    ]
    return "".join(f"{line}\n" for line in lines)


def _inserted(text: str, name: str, emails: Sequence[str], keys: Sequence[_Key], *, bot: bool) -> str:
    """The file with the entry first among its principals and the next version; comments stay as they are."""
    match = _PRINCIPALS.search(text)
    if match is None or _VERSION.search(text) is None:
        raise UsageError(
            f"{SIGNERS_PATH} is not laid out so that an entry can be put in",
            remedy=f"Add it by hand: {_entry(name, emails, keys, bot, '')}",
        )
    start = match.start("indent")
    text = f"{text[:start]}{_entry(name, emails, keys, bot, match['indent'])}{text[start:]}"
    return _VERSION.sub(lambda found: f"{found[1]}{int(found[2]) + 1}", text, count=1)


def _taken(path: Path) -> UsageError:
    return UsageError(f"{path.name} is there already, with another key")


def _undo(written: Sequence[tuple[Path, bytes | None]]) -> None:
    for path, before in reversed(written):
        if before is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(before)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
