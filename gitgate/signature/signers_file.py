"""`.gitgate/signers.yaml` and the key files that it names, read from a tree; half-understood means refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from gitgate import bundled
from gitgate.errors import SettingsError
from gitgate.location import FieldPath, format_field_path
from gitgate.path_glob import compile_glob
from gitgate.signature.packets import Certificate, PacketError, read_certificate
from gitgate.signature.signers import (
    ADMINS_RULE,
    DEFAULT_RULE,
    Holder,
    IdentityDemand,
    PathRule,
    Principal,
    SignerKey,
    Signers,
)
from gitgate.signature.ssh_files import RevokedKeys, SshFileError, read_allowed_signers, read_revoked_keys
from gitgate.signature.ssh_wire import SshKey, WireError, read_key_line
from gitgate.signature.strength import ACCEPTED_DIGESTS, Strength
from gitgate.signature.verdict import Format
from gitgate.signature.x509 import CertificateFileError, X509Trust, key_name, read_logs, read_roots
from gitgate.tree import Tree
from gitgate.yaml_document import YamlDocument, read_yaml

SIGNERS_PATH = ".gitgate/signers.yaml"
_DIRECTORY = ".gitgate/"
_LARGEST_FILE = 4 * 1024 * 1024
_EVERYBODY = "*"


class SignersError(SettingsError):
    """The signers file at the base is not valid (POLICY_INVALID); the message starts with file, line and column."""


def load_signers(tree: Tree) -> Signers | None:
    """Read the signers of a tree; None when it has no signers file, which a caller must not take for "anybody".

    Raises:
        SignersError: Not valid; says where and what is allowed.
    """
    if SIGNERS_PATH not in tree.entries:
        return None
    return _SignersReader(tree).read()


class _SignersReader:
    """Reads one signers file, checking each reference as it comes by."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._read: dict[str, bytes] = {}
        self._document = _document(self._file_bytes(SIGNERS_PATH))
        self._certificates: dict[str, Certificate] = {}
        self._ssh_keys: dict[str, SshKey] = {}
        self._holders: dict[str, Holder] = {}

    def read(self) -> Signers:
        value = self._document.value
        self._check_schema(value)
        principals = {name: self._principal(name, entry or {}) for name, entry in value["principals"].items()}
        platform_keys = {
            name: self._key(("platformKeys", name), entry) for name, entry in value.get("platformKeys", {}).items()
        }
        principals = self._with_allowed_signers(principals, value.get("ssh", {}))
        for principal in principals.values():
            for key in principal.keys:
                self._hold(("principals", principal.name), Holder(principal.name, key, principal))
        for name, key in platform_keys.items():
            self._hold(("platformKeys", name), Holder(name, key, None))
        groups = self._groups(value.get("groups", {}), principals)
        algorithms, identity, merges = (value.get(name, {}) for name in ("algorithms", "identity", "merges"))
        revoked, x509 = self._revoked(value.get("ssh", {})), self._x509(value)
        # The digest is over every file that was read, so nothing may be read after it.
        signers = Signers(
            version=value["version"],
            digest=_digest(self._read),
            epoch=value.get("epoch"),
            formats=frozenset(map(Format, value.get("formats", ("openpgp", "ssh")))),
            principals=MappingProxyType(principals),
            platform_keys=MappingProxyType(platform_keys),
            groups=MappingProxyType(groups),
            strength=Strength(
                digests=frozenset(algorithms.get("digests", ACCEPTED_DIGESTS)),
                rsa_bits=algorithms.get("rsaMinimumBits", 3072),
            ),
            committer=IdentityDemand(identity.get("committer", "must-match")),
            author=IdentityDemand(identity.get("author", "any")),
            signed_merges=merges.get("requireSigned", True),
            platform_merges=merges.get("allowCleanPlatformMerge", True),
            submodules=self._globs(("submodules",), value.get("submodules", ())),
            rules=tuple(
                self._rule(("rules", index), entry["id"], entry, principals, groups)
                for index, entry in enumerate(value.get("rules", ()))
            ),
            default=self._rule(
                ("default",), DEFAULT_RULE, value.get("default", {"signers": ["*"]}), principals, groups
            ),
            admins=self._rule(("admins",), ADMINS_RULE, value["admins"], principals, groups),
            attesters=self._attesters(value, principals, groups),
            x509=x509,
            certificates=tuple(self._certificates.values()),
            ssh_keys=MappingProxyType(self._ssh_keys),
            revoked=revoked,
            holders=MappingProxyType(self._holders),
        )
        self._check_rules(signers)
        return signers

    def _principal(self, name: str, entry: Mapping[str, Any]) -> Principal:
        path = ("principals", name, "keys")
        keys = tuple(self._key((*path, index), key) for index, key in enumerate(entry.get("keys", ())))
        return Principal(
            name=name,
            bot=entry.get("kind") == "bot",
            unproven=entry.get("unproven", False),
            emails=tuple(entry.get("emails", ())),
            keys=keys,
        )

    def _key(self, path: FieldPath, entry: Mapping[str, Any]) -> SignerKey:
        kind = Format(entry["type"])
        if kind is Format.X509:
            return self._signer_key(path, entry, kind, key_name(entry["issuer"], entry["identity"]))
        name = entry["file"]
        data = self._file_bytes(_DIRECTORY + name, (*path, "file"))
        try:
            if kind is Format.OPENPGP:
                fingerprint = entry["fingerprint"].upper()
                certificate = read_certificate(data)
                found = certificate.fingerprint
                self._certificates[found] = certificate
            else:
                fingerprint = entry["fingerprint"]
                key = _read_public_key_file(data)
                found = key.fingerprint
                self._ssh_keys[found] = key
        except (PacketError, WireError) as error:
            raise self._error((*path, "file"), f"{_DIRECTORY}{name}: {error}") from error
        if found != fingerprint:
            raise self._error((*path, "fingerprint"), f"{_DIRECTORY}{name} holds the key {found}, not {fingerprint}")
        return self._signer_key(path, entry, kind, found)

    def _signer_key(self, path: FieldPath, entry: Mapping[str, Any], kind: Format, fingerprint: str) -> SignerKey:
        return SignerKey(
            format=kind,
            fingerprint=fingerprint,
            not_before=self._time((*path, "notBefore"), entry.get("notBefore"), end=False),
            not_after=self._time((*path, "notAfter"), entry.get("notAfter"), end=True),
        )

    def _with_allowed_signers(self, principals: dict[str, Principal], ssh: Mapping[str, Any]) -> dict[str, Principal]:
        """Add the keys of an allowed-signers file to the principals that own its e-mail addresses."""
        if "allowedSigners" not in ssh:
            return principals
        path = ("ssh", "allowedSigners")
        try:
            entries = read_allowed_signers(self._file_bytes(_DIRECTORY + ssh["allowedSigners"], path))
        except SshFileError as error:
            raise self._error(path, f"{_DIRECTORY}{ssh['allowedSigners']}: {error}") from error
        added = dict(principals)
        for entry in entries:
            for email in entry.principals:
                owners = [principal for principal in added.values() if principal.has_email(email)]
                if len(owners) != 1:
                    raise self._error(path, f"{email} is the address of {len(owners)} principals; it must be of one")
                key = SignerKey(
                    format=Format.SSH,
                    fingerprint=entry.key.fingerprint,
                    not_before=entry.not_before,
                    not_after=entry.not_after,
                )
                if key in owners[0].keys:
                    continue
                self._ssh_keys[key.fingerprint] = entry.key
                added[owners[0].name] = replace(owners[0], keys=(*owners[0].keys, key))
        return added

    def _revoked(self, ssh: Mapping[str, Any]) -> RevokedKeys:
        if "revokedKeys" not in ssh:
            return RevokedKeys()
        path = ("ssh", "revokedKeys")
        try:
            return read_revoked_keys(self._file_bytes(_DIRECTORY + ssh["revokedKeys"], path))
        except SshFileError as error:
            raise self._error(path, f"{_DIRECTORY}{ssh['revokedKeys']}: {error}") from error

    def _x509(self, value: Mapping[str, Any]) -> X509Trust | None:
        """Pinned roots and logs; without them, nothing that an identity would be worth can be established."""
        wanted = Format.X509 in value.get("formats", ())
        if "x509" not in value:
            if wanted:
                raise self._error(("formats",), "x509 needs the section x509 with roots and logs")
            return None
        pinned = value["x509"]
        read: dict[str, Any] = {}
        for key, reader in (("roots", read_roots), ("logs", read_logs)):
            path = ("x509", key)
            try:
                read[key] = reader(self._file_bytes(_DIRECTORY + pinned[key], path))
            except CertificateFileError as error:
                raise self._error(path, f"{_DIRECTORY}{pinned[key]}: {error}") from error
        return X509Trust(roots=read["roots"], logs=read["logs"])

    def _hold(self, path: FieldPath, holder: Holder) -> None:
        other = self._holders.setdefault(holder.key.fingerprint, holder)
        if other is not holder:
            raise self._error(path, f"the key {holder.key.fingerprint} is declared twice; {other.name} has it too")

    def _groups(
        self, entries: Mapping[str, list[str]], principals: Mapping[str, Principal]
    ) -> dict[str, tuple[str, ...]]:
        for name, members in entries.items():
            if name in principals:
                raise self._error(("groups", name), f"{name!r} is a principal and a group")
            for index, member in enumerate(members):
                if member not in principals:
                    raise self._error(("groups", name, index), f"there is no principal {member!r}")
        return {name: tuple(members) for name, members in entries.items()}

    def _rule(
        self,
        path: FieldPath,
        name: str,
        entry: Mapping[str, Any],
        principals: Mapping[str, Principal],
        groups: Mapping[str, tuple[str, ...]],
    ) -> PathRule:
        signers = self._names((*path, "signers"), entry["signers"], principals, groups)
        rule = PathRule(
            id=name,
            paths=self._globs((*path, "paths"), entry.get("paths", ())),
            signers=signers,
            threshold=entry.get("threshold", 1),
            exclude_author=entry.get("excludeAuthor", False),
        )
        with_keys = {signer for signer in signers if principals[signer].keys}
        needed = rule.threshold + rule.exclude_author
        if len(with_keys) < needed:
            beside = " without the author" if rule.exclude_author else ""
            message = (
                f"{len(with_keys)} of its signers have keys that count; "
                f"its threshold of {rule.threshold}{beside} cannot be met"
            )
            raise self._error((*path, "signers"), message)
        bots = {signer for signer in signers if principals[signer].bot}
        if needed > 1 and with_keys <= bots:
            raise self._error((*path, "signers"), "bots alone never meet a threshold; name a person")
        if bots and (not rule.paths or any(map(_is_wide, rule.paths))):
            raise self._error((*path, "signers"), f"the bot {min(bots)!r} may sign narrow paths only")
        return rule

    def _names(
        self,
        path: FieldPath,
        names: Iterable[str],
        principals: Mapping[str, Principal],
        groups: Mapping[str, tuple[str, ...]],
    ) -> frozenset[str]:
        """Proven principals by name, groups resolved."""
        found: set[str] = set()
        for index, name in enumerate(names):
            if name == _EVERYBODY:
                found |= {each.name for each in principals.values() if not each.bot}
            elif name in groups:
                found |= set(groups[name])
            elif name in principals:
                found.add(name)
            else:
                raise self._error((*path, index), f"there is no principal or group {name!r}")
        return frozenset(each for each in found if not principals[each].unproven)

    def _attesters(
        self, value: Mapping[str, Any], principals: Mapping[str, Principal], groups: Mapping[str, tuple[str, ...]]
    ) -> frozenset[str] | None:
        """Whose attestations count. Bots may be named: attesting is what machines do, and it changes no path."""
        if "attesters" not in value:
            return None
        return self._names(("attesters", "signers"), value["attesters"]["signers"], principals, groups)

    def _globs(self, path: FieldPath, patterns: Iterable[str]) -> tuple[str, ...]:
        given = tuple(patterns)
        for index, pattern in enumerate(given):
            try:
                compile_glob(pattern)
            except ValueError as error:
                raise self._error((*path, index), str(error)) from error
        return given

    def _check_rules(self, signers: Signers) -> None:
        names = [rule.id for rule in signers.all_rules]
        for index, rule in enumerate(signers.rules):
            if names.count(rule.id) > 1:
                raise self._error(("rules", index, "id"), f"the rule id {rule.id!r} is taken")

    def _time(self, path: FieldPath, text: str | None, *, end: bool) -> datetime | None:
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError as error:
            raise self._error(path, f"{text!r} is no date") from error
        return moment + timedelta(days=1) if end and "T" not in text else moment

    def _file_bytes(self, path: str, field: FieldPath = ()) -> bytes:
        entry = self._tree.entries.get(path)
        problem = None
        if entry is None:
            problem = f"{path} is not there"
        elif not entry.mode.startswith("100"):
            problem = f"{path} is not a regular file"
        elif self._tree.size(path) > _LARGEST_FILE:
            problem = f"{path} is larger than {_LARGEST_FILE} bytes"
        if problem is None:
            self._read[path] = self._tree.read(path)
            return self._read[path]
        raise self._error(field, problem) if field else SignersError(problem)

    def _check_schema(self, value: object) -> None:
        from jsonschema import Draft202012Validator  # noqa: PLC0415 - 60 ms that runs without signers do not need

        schema = json.loads(bundled.schema_file("signers-v1.json").read_bytes())
        errors = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda error: list(map(str, error.path)))
        if errors:
            error = errors[0]
            path: FieldPath = tuple(error.absolute_path)
            name = format_field_path(path) or "the file"
            if error.validator == "additionalProperties" and isinstance(error.instance, dict):
                allowed = sorted(error.schema.get("properties", {}))
                wrong = min(map(str, set(error.instance) - set(allowed)))
                raise self._error((*path, wrong), f"{wrong!r} is unknown; allowed are {', '.join(allowed)}")
            if error.validator == "enum":
                listed = ", ".join(map(str, error.validator_value))
                raise self._error(path, f"{name} is {error.instance!r}; allowed are {listed}")
            raise self._error(path, f"{name}: {error.message}")

    def _error(self, path: FieldPath, message: str) -> SignersError:
        position = self._document.nearest(path)
        return SignersError(f"{SIGNERS_PATH}:{position.line}:{position.column}: {message}")


def _document(data: bytes) -> YamlDocument:
    file = read_yaml(data)
    if file.opaque:
        raise SignersError(f"{SIGNERS_PATH} cannot be read: {file.opaque}")
    for problem in file.problems:
        place = f"{SIGNERS_PATH}:{problem.position.line}:{problem.position.column}"
        raise SignersError(f"{place}: {problem.message}", remedy=problem.fix)
    if len(file.documents) != 1 or not isinstance(file.documents[0].value, dict):
        raise SignersError(f"{SIGNERS_PATH} must hold one YAML mapping")
    return file.documents[0]


def _read_public_key_file(data: bytes) -> SshKey:
    try:
        lines = [line for line in data.decode("utf-8").splitlines() if line.strip() and not line.startswith("#")]
    except UnicodeDecodeError as error:
        raise WireError("it is not UTF-8") from error
    if len(lines) != 1:
        raise WireError(f"it holds {len(lines)} keys where one must be")
    return read_key_line(lines[0])


def _is_wide(pattern: str) -> bool:
    """Does a glob reach into directories that it does not name?"""
    segments = pattern.split("/")
    return segments[0] == "**" or not any(segment.strip("*?") for segment in segments)


def _digest(files: Mapping[str, bytes]) -> str:
    lines = (f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in sorted(files.items()))
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()
