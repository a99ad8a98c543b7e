"""What no agent can apply, whatever is in it: kinds without an endpoint of their own, and objects without a name."""

from __future__ import annotations

from collections.abc import Mapping

from gitgate.reconcile.agents import Handling, Owner, is_marked_as_hook
from gitgate.reconcile.apply import ApplyMethod
from gitgate.reconcile.failure import Failure
from gitgate.resource import Resource

NO_ENDPOINT = "kind-without-endpoint"
"""The code of a kind that nobody can create or change."""
ONLY_CREATED = "only-created"
"""The code of what `kubectl create` may send, and what applies it may not."""
_AUTHENTICATION = "authentication.k8s.io"
_AUTHORIZATION = "authorization.k8s.io"
SUBRESOURCES: Mapping[tuple[str, str], str] = {
    ("autoscaling", "Scale"): "Set `spec.replicas` of what is to be scaled.",
    ("policy", "Eviction"): "Take it out of what is applied: an eviction is a request and no state.",
    (_AUTHENTICATION, "TokenRequest"): "Have the Pod ask for the token with a projected volume, or use a Secret of the "
    "type kubernetes.io/service-account-token.",
}
"""Kinds that are only sent to a part of another object, as to `pods/eviction`, and what to do instead."""
REQUESTS = frozenset({
    ("", "Binding"),
    (_AUTHENTICATION, "SelfSubjectReview"), (_AUTHENTICATION, "TokenReview"),
    (_AUTHORIZATION, "LocalSubjectAccessReview"), (_AUTHORIZATION, "SelfSubjectAccessReview"),
    (_AUTHORIZATION, "SelfSubjectRulesReview"), (_AUTHORIZATION, "SubjectAccessReview"),
})  # fmt: skip
"""Kinds with the verb `create` and no other."""
READ_ONLY = frozenset({("", "ComponentStatus")})
_NOT_ALLOWED = "the server does not allow this method on the requested resource"
_TAKE_OUT = "Take it out of what is applied: it is a request to the API server, which keeps nothing of it."


def not_applied(resource: Resource, owner: Owner | None, how: Handling) -> Failure | None:
    """Why applying an object fails before its content is looked at; None where it does not for certain.

    What is replaced instead of applied is created where it is not there:
    argo-cd/gitops-engine/pkg/sync/sync_context.go, `applyObject`.

    Args:
        resource: The object.
        owner: Who applies it; None where the repository does not say.
        how: How.
    """
    kind = (resource.id.group, resource.id.kind)
    if kind in SUBRESOURCES:
        # k8s.io/client-go/restmapper/discovery.go leaves out resources with a slash in their names.
        message = f'no matches for kind "{resource.id.kind}" in version "{resource.id.api_version}"'
        return Failure(code=NO_ENDPOINT, field=("kind",), message=message, remedy=SUBRESOURCES[kind])
    if kind in READ_ONLY:
        remedy = "Take it out of what is applied: the API server makes it up when somebody asks."
        return Failure(code=NO_ENDPOINT, field=("kind",), message=_NOT_ALLOWED, remedy=remedy)
    if how.method is ApplyMethod.REPLACE:
        return None
    if kind in REQUESTS:
        return Failure(code=ONLY_CREATED, field=("kind",), message=_NOT_ALLOWED, remedy=_TAKE_OUT)
    return _without_name(resource, owner)


def _without_name(resource: Resource, owner: Owner | None) -> Failure | None:
    metadata = resource.data.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("name") or not metadata.get("generateName"):
        return None
    # Helm creates what it installs, and Argo CD gives a hook a name of its own.
    trace = resource.origin.trace
    installed = owner.helm if owner is not None else trace is not None and trace.chart
    if installed or is_marked_as_hook(metadata, owner):
        return None
    return Failure(
        code=ONLY_CREATED,
        field=("metadata", "generateName"),
        message="cannot use generate name with apply",
        remedy="Write `metadata.name`, or let Argo CD make it anew with each sync: the annotation "
        "`argocd.argoproj.io/hook: Sync`.",
    )
