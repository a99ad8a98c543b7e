"""Entries of `.gitgate/signers.yaml`: principals are put in and confirmed, and everything else stays as it is.

What is written is an edit of the work tree and nothing more: it counts once the base's administrators have merged it.
The result is read again as a base would be; when it is not what was meant, nothing is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gitgate.errors import GitgateError, RepositoryError, UsageError
from gitgate.git import Repository
from gitgate.signature.signers import Signers
from gitgate.signature.signers_file import SIGNERS_PATH, SignersError, load_signers
from gitgate.signature.verdict import Format
from gitgate.signer_history import SeenKey, by_principal, count, seen_keys
from gitgate.signer_keys import PublicKey, read_answer, read_file, read_key_file
from gitgate.tree import DirectoryTree
from gitgate.yaml_document import read_yaml

CONFIRM = "Confirm each fingerprint with its owner over another channel, then commit .gitgate/."
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?\Z")
_EMAIL = re.compile(r"[^\s<>,*?!\"\x00-\x1f\x7f]{1,254}\Z")
_PRINCIPALS = re.compile(
    r"^principals:[ \t]*(?:#[^\n]*)?\r?\n(?:[ \t]*(?:#[^\n]*)?\r?\n)*(?P<indent>[ ]+)(?=[^\s#])", re.MULTILINE
)
_VERSION = re.compile(r"^(version:[ \t]*)([0-9]+)", re.MULTILINE)
_UNPROVEN = re.compile(r"[ ]+unproven:[ \t]*true[ \t]*(?:#.*)?\r?\n?\Z")
_FIRST = """\
# Who may sign what; read from the protected branch only. See docs/signatures.md of gitgate.
apiVersion: gitgate.dev/v1
kind: Signers
version: 1
principals:
{entry}rules:
  # What runs gitgate, and what decides how git and agents read the rest.
  - id: gate
    paths: [".github/**", ".gitattributes", ".gitmodules", ".sourceignore", "CODEOWNERS", "docs/CODEOWNERS"]
    signers: [{name}]
admins: {{signers: [{name}]}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A principal that shall be put in.

    Attributes:
        keys: Each with the file below `.gitgate/` that shall hold it.
        unproven: What the history shows of it; empty for one that somebody vouches for.
    """

    name: str
    emails: tuple[str, ...]
    keys: tuple[tuple[PublicKey, str], ...]
    bot: bool = False
    unproven: str = ""

    def text(self, indent: str) -> str:
        lines = [f"{json.dumps(self.name)}:"]
        lines += ["  kind: bot"] if self.bot else []
        lines += [f"  unproven: true  # {self.unproven}"] if self.unproven else []
        lines += [f"  emails: {json.dumps(list(self.emails))}", "  keys:"]
        lines += [
            f"    - {{type: {key.format}, fingerprint: {json.dumps(key.fingerprint)}, file: {file}}}"
            for key, file in self.keys
        ]
        return "".join(f"{indent}{line}\n" for line in lines)


def add_signer(  # noqa: PLR0913 - the parts of an entry, which only the command line has to know together
    directory: Path,
    name: str,
    emails: Sequence[str],
    files: Sequence[Path],
    answers: Sequence[Path] = (),
    *,
    bot: bool,
) -> list[str]:
    """Declare a principal in a work tree's signers file, and put the keys beside it.

    Args:
        directory: The work tree.
        name: Of the principal.
        emails: Addresses that its commits may name; without any, those that an answer calls verified.
        files: Key files, see `signer_keys.read_key_file`.
        answers: Saved answers of a platform about the user's keys, see `signer_keys.read_answer`.
        bot: Is it a machine? Then a rule with narrow paths must name it.

    Returns:
        What was done, a line each.

    Raises:
        UsageError: A key or name cannot be used, or the file cannot take the entry; nothing is changed then.
        GitgateError: Something cannot be written.
    """
    if not _NAME.match(name):
        raise UsageError(f"{name!r} cannot be a principal's name", remedy="Use a-z, 0-9, '.', '_' and '-'.")
    told = [read_answer(file) for file in answers]
    keys = [key for file in files for key in read_key_file(file)] + [key for answer in told for key in answer.keys]
    addresses = tuple(emails) or tuple(dict.fromkeys(email for answer in told for email in answer.emails))
    if not addresses:
        raise UsageError(f"nothing says which addresses {name} commits with", remedy="Name them with --email.")
    if not keys:
        raise UsageError(f"nothing says which keys {name} signs with", remedy="Give --key FILE or --github-user FILE.")
    entry = _Entry(name=name, emails=addresses, keys=_with_files(name, _distinct(keys)), bot=bot)
    lines = [line for answer in told for line in answer.left_out]
    lines += [f"{name}: {key.format} {key.fingerprint} in .gitgate/{file}" for key, file in entry.keys]
    return [*lines, *_put_in(directory, [entry]), CONFIRM]


def add_from_history(directory: Path, revision: str, limit: int, files: Sequence[Path] = ()) -> list[str]:
    """Enter the principals that the signatures in a history speak of, each marked as unproven: they sign nothing yet.

    SSH signatures hold their key. OpenPGP signatures only name theirs, so its certificate must be in one of `files`.

    Args:
        directory: The work tree; its signers file must be there, as what is unproven cannot administer it.
        revision: Whose history.
        limit: Commits that are read at most.
        files: Exported OpenPGP certificates.

    Returns:
        What was done and what was left out, a line each.

    Raises:
        UsageError: There is nothing to enter, or the file cannot take it; nothing is changed then.
        GitgateError: The history cannot be read, or something cannot be written.
    """
    signers = _present(directory)
    if signers is None:
        raise UsageError(
            f"there is no {SIGNERS_PATH} yet, and what the history shows administers nothing",
            remedy="Declare yourself first: gitgate signer add NAME --email ADDRESS --key FILE",
        )
    with Repository.open(directory) as repository:
        seen, read, without = seen_keys(repository, revision, limit)
    known = _public_keys(files)
    lines = [f"{count(read)} read, {without} of them without a signature that can be read"]
    usable: list[SeenKey] = []
    for key in seen:
        problem = _left_out(key, signers, known)
        if problem:
            lines.append(f"left out: {key.shown}: {problem}")
        else:
            usable.append(key)
    entries = [
        _history_entry(name, group, known)
        for name, group in by_principal(tuple(usable), frozenset({*signers.principals, *signers.groups})).items()
    ]
    if not entries:
        raise UsageError("nothing was changed: the history shows no key that could be entered", remedy="; ".join(lines))
    done = _put_in(directory, entries)
    for entry in entries:
        lines += [f"{entry.name}, unproven: {key.format} {key.fingerprint} in .gitgate/{f}" for key, f in entry.keys]
    return [
        *lines,
        *done,
        "What is unproven signs nothing, as anybody can sign in any name.",
        "Get each fingerprint from its owner over another channel, then: gitgate signer confirm NAME FINGERPRINT",
    ]


def confirm_signer(directory: Path, name: str, fingerprints: Sequence[str]) -> list[str]:
    """Let a principal that was taken from the history count, once its owner has told the fingerprints of its keys.

    Raises:
        UsageError: It is not unproven, or the fingerprints are not just those of its keys; nothing is changed then.
        GitgateError: Something cannot be written.
    """
    signers = _present(directory)
    principal = signers.principals.get(name) if signers is not None else None
    if principal is None or not principal.unproven:
        raise UsageError(f"{name!r} is no unproven principal of {SIGNERS_PATH}")
    given, declared = {_plain(each) for each in fingerprints}, {key.fingerprint for key in principal.keys}
    if given != declared:
        wrong = ", ".join(sorted(given - declared)) or ", ".join(sorted(declared - given)) + " is not among them"
        raise UsageError(
            f"these are not the keys that are entered for {name}: {wrong}",
            remedy="Remove keys from the entry that are not theirs, and give the fingerprints of all others.",
        )

    def confirmed(text: str) -> str:
        document = read_yaml(text.encode("utf-8", "surrogateescape")).documents[0]
        number = document.nearest(("principals", name, "unproven"), key=True).line - 1
        lines = text.splitlines(keepends=True)
        if number >= len(lines) or not _UNPROVEN.match(lines[number]):
            raise UsageError(f"{SIGNERS_PATH} is not laid out so that it can be edited", remedy="Edit it by hand.")
        return "".join((*lines[:number], *lines[number + 1 :]))

    def as_meant(old: Signers | None, new: Signers) -> bool:
        return old is not None and new.principals == {**old.principals, name: replace(principal, unproven=False)}

    return [f"{name} is confirmed", *_rewrite(directory, (), confirmed, as_meant), "Commit .gitgate/."]


def _put_in(directory: Path, entries: Sequence[_Entry]) -> list[str]:
    """Write entries and their key files."""

    def edited(text: str) -> str:
        if not text:
            return _FIRST.format(entry=entries[0].text("  "), name=entries[0].name)
        return _inserted(text, entries)

    def as_meant(old: Signers | None, new: Signers) -> bool:
        before = dict(old.principals) if old is not None else {}
        added = {entry.name: {key.fingerprint for key, _ in entry.keys} for entry in entries}
        found = {name: {key.fingerprint for key in new.principals[name].keys} for name in added}
        return found == added and {**new.principals, **before} == new.principals

    files = [(directory / ".gitgate" / file, key.data) for entry in entries for key, file in entry.keys]
    return _rewrite(directory, files, edited, as_meant)


def _rewrite(
    directory: Path,
    files: Sequence[tuple[Path, bytes]],
    edit: Callable[[str], str],
    as_meant: Callable[[Signers | None, Signers], bool],
) -> list[str]:
    """Edit the signers file, raise its version, read the result as a base would be read, and keep it or nothing."""
    place = directory / SIGNERS_PATH
    old = _present(directory)
    text = edit(read_file(place).decode("utf-8", "surrogateescape") if old is not None else "")
    version = _next_version(directory, old) if old is not None else 1
    text = _VERSION.sub(lambda found: f"{found[1]}{version}", text, count=1)
    written: list[tuple[Path, bytes | None]] = []
    try:
        for path, data in (*files, (place, text.encode("utf-8", "surrogateescape"))):
            before = read_file(path) if path.exists() else None
            if before is not None and path != place and before != data:
                raise _refusal(f"{path.name} is there already, with another key")
            written.append((path, before))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        new = _present(directory)
        if new is None or new.version != version or not as_meant(old, new):
            raise _refusal("the file would not mean what was asked for")
    except (SignersError, UsageError) as error:
        _undo(written)
        raise UsageError(f"nothing was changed: {error}", remedy=error.remedy) from error
    except OSError as error:
        _undo(written)
        raise GitgateError(f"nothing was changed: {error.strerror}") from error
    raised = old is not None and version != old.version
    return [f"version {old.version} → {version}"] if raised and old is not None else []


def _present(directory: Path) -> Signers | None:
    return (
        load_signers(DirectoryTree(directory, [directory / ".gitgate"])) if (directory / ".gitgate").exists() else None
    )


def _next_version(directory: Path, present: Signers) -> int:
    """One more than what is in force: several edits that are merged together raise the version once."""
    try:
        with Repository.open(directory) as repository:
            if repository.is_empty():
                return present.version
            found = repository.default_base()
            in_force = load_signers(repository.tree(found[1] if found is not None else repository.resolve("HEAD")))
    except (RepositoryError, UsageError):
        # What is in force cannot be told, so that only a higher version is sure to be accepted.
        return present.version + 1
    return present.version + 1 if in_force is not None and present.version <= in_force.version else present.version


def _inserted(text: str, entries: Sequence[_Entry]) -> str:
    """The file with the entries first among its principals; comments, order and everything else stay as they are."""
    match = _PRINCIPALS.search(text)
    if match is None or _VERSION.search(text) is None:
        by_hand = "".join(entry.text("") for entry in entries)
        raise UsageError(
            f"{SIGNERS_PATH} is not laid out so that an entry can be put in", remedy=f"Add it by hand:\n{by_hand}"
        )
    start = match.start("indent")
    return text[:start] + "".join(entry.text(match["indent"]) for entry in entries) + text[start:]


def _history_entry(name: str, group: Sequence[SeenKey], known: dict[str, PublicKey]) -> _Entry:
    keys = [_key_of(key, known) for key in group]
    commits = count(sum(key.commits for key in group))
    return _Entry(
        name=name,
        emails=(group[0].committer[1],),
        keys=_with_files(name, _distinct([key for key in keys if key is not None])),
        unproven=f"{commits} in the history; gitgate signer confirm {name} FINGERPRINT",
    )


def _left_out(key: SeenKey, signers: Signers, known: dict[str, PublicKey]) -> str:
    """Why a key of the history is not entered; empty when it is."""
    declared = {name for name, holder in signers.holders.items() if holder.key.format is key.format}
    subkeys = {subkey for certificate in signers.certificates for subkey in certificate.subkeys}
    if any(name == key.name or name[-16:] == key.name for name in declared | subkeys):
        return "it is declared already"
    if key.platform:
        return "it seems to be a hosting platform's, so it is nobody's; declare it under platformKeys, if at all"
    if _key_of(key, known) is None:
        return "an OpenPGP signature does not hold its key; get the certificate from its owner, and give it with --key"
    if not _EMAIL.match(key.committer[1]):
        return "its committer has no usable address"
    return ""


def _key_of(key: SeenKey, known: dict[str, PublicKey]) -> PublicKey | None:
    if key.format is Format.SSH:
        return PublicKey(Format.SSH, key.name, key.public)
    return known.get(key.name)


def _public_keys(files: Sequence[Path]) -> dict[str, PublicKey]:
    """Certificates by every name that a signature may give their keys."""
    known: dict[str, PublicKey] = {}
    for key in (key for file in files for key in read_key_file(file)):
        for name in (key.fingerprint, *key.subkeys):
            known[name] = known[name[-16:]] = key
    return known


def _distinct(keys: Sequence[PublicKey]) -> tuple[PublicKey, ...]:
    return tuple({key.fingerprint: key for key in keys}.values())


def _with_files(name: str, keys: Sequence[PublicKey]) -> tuple[tuple[PublicKey, str], ...]:
    """Keys with the files that they shall be in: `keys/alice.pub`, `keys/alice-2.pub`."""
    stems = [name if index == 0 else f"{name}-{index + 1}" for index in range(len(keys))]
    return tuple(
        (key, f"keys/{stem}.{'asc' if key.format is Format.OPENPGP else 'pub'}")
        for key, stem in zip(keys, stems, strict=True)
    )


def _plain(fingerprint: str) -> str:
    """A fingerprint as people write it down, as the signers file has it."""
    text = "".join(fingerprint.split())
    return text if text.startswith("SHA256:") else text.upper()


def _refusal(message: str) -> UsageError:
    return UsageError(message, remedy="Edit it by hand.")


def _undo(written: Sequence[tuple[Path, bytes | None]]) -> None:
    for path, before in reversed(written):
        if before is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(before)
