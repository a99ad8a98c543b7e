"""Objects of kinds that nothing in the repository defines: what can be said of their changes all the same.

Every custom resource has the metadata that Kubernetes defines, and is stored as it was sent but for the defaults and
the pruning of its definition. So a change of metadata is known; of a value in a field that was there before, defaults
and pruning cannot make anything else; a field that comes or goes may be a default, required, or not declared at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from gitgate.reconcile.changes import same
from gitgate.reconcile.failure import Failure

NOT_SERVED = "kind-not-served"
"""The code of a kind, or a version of it, that a group of the API server does not have."""
LIKELY = "likely: nothing in the repository defines its kind, so its new values were not validated"
"""Why an update may still fail."""
NOT_VALIDATED = "nothing in the repository defines its kind, so it was not validated"
NOT_KNOWN = "nothing in the repository defines its kind: no defaults, no list types, no validation"
_REMOVED_GROUPS = frozenset({"extensions"})
"""Groups of Kubernetes' own that no version since 1.22 serves."""


def not_served(groups: frozenset[str], api_version: str, kind: str) -> Failure | None:
    """Why a kind without a type cannot be applied; None where a definition elsewhere may serve it.

    Args:
        groups: Groups that Kubernetes itself serves, completely.
        api_version: `policy/v1beta1`.
        kind: `PodSecurityPolicy`.
    """
    group = api_version.rpartition("/")[0]
    if group not in groups and group not in _REMOVED_GROUPS:
        return None
    # In kubectl and in Flux: k8s.io/apimachinery/pkg/api/meta/errors.go, `NoKindMatchError`.
    message = f'no matches for kind "{kind}" in version "{api_version}"'
    return Failure(code=NOT_SERVED, field=("apiVersion",), message=message)


def update_without_type(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """What can be said of a change of an object without a type.

    Returns:
        Empty when it is certain to update; `LIKELY`; None where it may as well change nothing, or fail.
    """
    if before.keys() - {"metadata"} != after.keys() - {"metadata"}:
        return None
    specific = before.keys() - {"metadata"}
    if all(same(before[key], after[key]) for key in specific):
        return ""
    return LIKELY if all(_stays_valid(before[key], after[key]) for key in specific) else None


def _stays_valid(old: Any, new: Any) -> bool:
    """Does a value keep its fields and types, so that only its own validation could refuse it?"""
    if isinstance(old, dict) and isinstance(new, dict):
        if _is_data(old):
            return all(isinstance(value, str) for value in new.values())
        return old.keys() == new.keys() and all(_stays_valid(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        # Items may come, go and move; each has the fields and types of one that was there.
        return {_shape(item) for item in new} <= {_shape(item) for item in old}
    return type(old) is type(new)


def _is_data(mapping: Mapping[str, Any]) -> bool:
    """Are its keys anybody's choice, as those of labels are? No type of Go has a field with a slash in its name."""
    return any("/" in str(key) for key in mapping) and all(isinstance(value, str) for value in mapping.values())


def _shape(value: Any) -> Any:
    """Fields and types of a value, without what it says."""
    if isinstance(value, dict):
        return tuple(sorted(((str(key), _shape(item)) for key, item in value.items()), key=itemgetter(0)))
    if isinstance(value, list):
        return frozenset(_shape(item) for item in value)
    return type(value).__name__
