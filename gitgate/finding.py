"""What a rule says about something in the judged tree."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gitgate.location import FieldPath, Location, Position, format_field_path
from gitgate.resource import Origin, ResourceId


class Severity(StrEnum):
    """How much a finding weighs; the names are SARIF's result levels. Only errors block."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class State(StrEnum):
    """A finding against the base: does the change bring it, keep it, or mend it?"""

    NEW = "new"
    EXISTING = "existing"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule as data: what `gitgate explain` prints and what its page in docs/rules is made of.

    Attributes:
        id: `<check>/<kebab-case-noun>`; never reused for something else.
        title: A short noun phrase.
        severity: What a finding weighs unless settings say otherwise.
        what: What is found, one or two sentences.
        why: What happens in the cluster or in review when it is merged.
        remedy: How to mend it.
        bad: An example that the rule finds; empty where no text shows it.
        good: The mended example.
        references: Specifications, documentation or source that the rule rests on.
    """

    id: str
    title: str
    severity: Severity
    what: str
    why: str
    remedy: str
    bad: str = ""
    good: str = ""
    references: tuple[str, ...] = ()

    @property
    def check(self) -> str:
        """The check that owns the rule: the part before the slash."""
        return self.id.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """Why a finding does not block although it is there; it stays in every report.

    Attributes:
        kind: `settings` or `waiver`.
        justification: One sentence for the reader; for a waiver with owner, last day and reason.
        owner: Who answers for a waiver; empty for settings.
        expires: The last day of a waiver, `2027-01-31`; empty for settings.
    """

    kind: str
    justification: str
    owner: str = ""
    expires: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a rule found.

    Checks name a `resource` and a `field`, or a `location` in a file; the gate resolves the first into the second.

    Attributes:
        rule: Id of the rule.
        message: One sentence, complete without the location; may contain untrusted text, so printers encode.
        resource: The object it is about, if any.
        field: Field inside that object.
        within: A place inside the text that the field holds, such as an expression.
        origin: Where the object was read from; how the gate finds the line.
        location: Where to look; the gate fills it in from `origin` and `field` when a check leaves it None.
        fix: What to do, one sentence; None falls back to the rule's remedy.
        stable_field: `field` with list indices replaced by what names the item (`[name=web]`), so that the
            finding stays the same when an item is inserted above it.
        discriminator: Extra identity where rule, resource and field are not enough. What could *not* be judged
            carries a digest of its content here, so that it counts as new whenever that content changes.
        versions: Kubernetes versions in which it holds; empty when it does not depend on the version.
    """

    rule: str
    severity: Severity
    message: str
    resource: ResourceId | None = None
    field: FieldPath = ()
    within: Position | None = None
    origin: Origin | None = None
    location: Location | None = None
    fix: str | None = None
    stable_field: str = ""
    discriminator: str = ""
    versions: tuple[str, ...] = ()
    state: State = State.NEW
    suppression: Suppression | None = None

    @property
    def blocking(self) -> bool:
        """Does it keep the change from being accepted?"""
        return self.severity is Severity.ERROR and self.state is State.NEW and self.suppression is None

    @property
    def fingerprint(self) -> str:
        """Stable name of the finding: 32 hex digits over rule, object, field, and the file where there is no object.

        The same finding in two clusters is two: one may be mended, or waived, without the other.
        """
        place: object = self.location.path if self.location is not None else ""
        if self.resource is not None:
            place = self.resource.identity
        field = self.stable_field or format_field_path(self.field)
        cluster = (self.origin.cluster,) if self.origin is not None and self.origin.cluster else ()
        # repr() quotes every part, so that no crafted name can read like another finding's.
        text = repr((self.rule, place, field, self.discriminator, *cluster))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def stable_field(data: Mapping[str, Any], path: FieldPath) -> str:
    """Spell a field path with list items named by what identifies them rather than by their index.

    `spec.containers[name=web].image` stays the same when a container is inserted before `web`. An item without a
    usable name keeps its index.
    """
    text: list[str] = []
    value: Any = data
    for step in path:
        if isinstance(step, int) and isinstance(value, list) and 0 <= step < len(value):
            value = value[step]
            text.append(f"[{_item_name(value, step)}]")
        elif isinstance(step, str):
            value = value.get(step) if isinstance(value, Mapping) else None
            # A key with a dot must not read like two keys: format_field_path puts it into brackets.
            spelt = format_field_path((step,))
            text.append(spelt if not text or spelt.startswith("[") else f".{spelt}")
        else:
            value = None
            text.append(f"[{step}]")
    return "".join(text)


_PLAIN_NAME = re.compile(r"[\w./:-]+\Z")


def _item_name(item: Any, index: int) -> str:
    if isinstance(item, Mapping):
        for key in ("name", "key", "containerPort", "port", "mountPath", "type", "ip"):
            value = item.get(key)
            if isinstance(value, str | int) and value != "":
                return f"{key}={value if _PLAIN_NAME.match(str(value)) else repr(value)}"
    return str(index)
