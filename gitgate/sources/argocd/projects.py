"""What an AppProject does not permit: Argo CD refuses the sync, or the whole Application.

Source: argo-cd, pkg/apis/application/v1alpha1/app_project_types.go; util/argo/argo.go, `ValidatePermissions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gitgate.proposal import Problem
from gitgate.resource import Resource
from gitgate.sources.argocd.globs import matches_anywhere, matches_segments, matches_url
from gitgate.sources.argocd.placing import IN_CLUSTER, Scopes, is_namespaced
from gitgate.sources.argocd.repository import GROUP, shown_url, sources_of
from gitgate.sources.argocd.source import destination
from gitgate.sources.owners import Owner, Workshop, World, items, mapping, text

_NAMED = 5


def project_of(owner: Owner, world: World) -> Resource | None:
    """The AppProject of an Application, if the repository has it."""
    name = text(owner.spec.get("project")) or "default"
    namespace = owner.namespace
    found = [one for one in world.of_kind(GROUP, "AppProject") if one.id.name == name]
    near = [one for one in found if one.id.namespace == namespace]
    return next(iter(near or found), None)


def cluster_secrets(world: World) -> Iterator[Resource]:
    """Secrets by which clusters are registered."""
    for secret in world.of_kind("", "Secret"):
        labels = mapping(mapping(secret.data.get("metadata")).get("labels"))
        if labels.get("argocd.argoproj.io/secret-type") == "cluster":
            yield secret


def secret_value(secret: Resource, key: str) -> str:
    """A value of a Secret as text; empty where it has none or is not text."""
    if secret.sealed:
        return ""
    import base64  # noqa: PLC0415 - only for clusters in Secrets
    import binascii  # noqa: PLC0415

    plain = mapping(secret.data.get("stringData")).get(key)
    if isinstance(plain, str):
        return plain
    try:
        return base64.b64decode(text(mapping(secret.data.get("data")).get(key)), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def refusals(owner: Owner, workshop: Workshop, resources: Iterable[Resource], scopes: Scopes) -> Iterator[Problem]:
    """Everything of an Application that its project does not permit."""
    world = workshop.world(owner)
    project = project_of(owner, world)
    if project is None:
        return
    spec = mapping(project.data.get("spec"))
    name = project.id.name
    for field, source in sources_of(owner.spec):
        url = text(source.get("repoURL"))
        if url and not is_source_permitted(spec, url):
            message = (
                f"{owner.name}: its project {name} does not permit the repository {shown_url(url)}: Argo CD refuses it"
            )
            yield workshop.problem(
                owner, "agent-refused", message, (*field, "repoURL"), detail=f"{name} {shown_url(url)}"
            )
    server, cluster = whereabouts(owner, world)
    namespace = text(destination(owner).get("namespace"))
    is_here = is_destination_permitted(spec, server, cluster, namespace) is not False
    if not is_here:
        told = f"{namespace or 'no namespace'} of {cluster or shown_url(server)}"
        message = f"{owner.name}: its project {name} does not permit the destination {told}: Argo CD refuses it"
        yield workshop.problem(owner, "agent-refused", message, ("spec", "destination"), detail=f"{name} {told}")
    found = [
        one for one in resources
        if (is_here or one.id.namespace != namespace)  # else that is told of all of them
        and not _is_permitted(spec, one, scopes, server=server, cluster=cluster)
    ]  # fmt: skip
    if found:
        refused = [str(one.id) for one in found]
        more = f" and {len(refused) - _NAMED} more" if len(refused) > _NAMED else ""
        message = (
            f"{owner.name}: its project {name} does not permit {', '.join(refused[:_NAMED])}{more}: "
            f"Argo CD refuses to sync {'it' if len(refused) == 1 else 'them'}"
        )
        problem = workshop.problem(owner, "agent-refused", message, ("spec", "project"), detail=f"{name} {refused}")
        # What a set makes has no line of its own, and more than one of a kind points at the Application.
        yield replace(problem, location=workshop.place(found[0].origin, ())) if len(found) == 1 else problem


def whereabouts(owner: Owner, world: World) -> tuple[str, str]:
    """Server and name of the cluster that an Application applies to; empty where only the cluster knows."""
    value = destination(owner)
    server, name = text(value.get("server")).rstrip("/"), text(value.get("name"))
    if not name and not server:
        return "", ""
    if name == IN_CLUSTER[0] or server == IN_CLUSTER[1]:
        return IN_CLUSTER[1], IN_CLUSTER[0]
    for secret in cluster_secrets(world):
        known = secret_value(secret, "name"), secret_value(secret, "server").rstrip("/")
        if (name and known[0] == name) or (server and known[1] == server):
            return known[1], known[0]
    return server, name


def is_source_permitted(spec: Mapping[str, Any], url: str) -> bool:
    """Source: `IsSourcePermitted`."""
    wanted, matched = _normal(url), False
    for entry in items(spec.get("sourceRepos")):
        pattern = text(entry)
        if pattern.startswith("!"):
            if matches_url(_normal(pattern[1:]), wanted):
                return False
        elif pattern == "*" or matches_url(_normal(pattern), wanted):
            matched = True
    # Argo CD counts a repository that an entry with `!` does not name as matched by it.
    denied = [text(entry) for entry in items(spec.get("sourceRepos")) if text(entry).startswith("!")]
    return matched or bool(denied)


def _normal(url: str) -> str:
    """Source: argo-cd, util/git/git.go, `NormalizeGitURL`."""
    lowered = url.strip().lower()
    if "://" not in lowered and "@" in lowered:
        lowered = lowered.replace(":", "/", 1)
    return lowered.removesuffix(".git").removeprefix("ssh://")


def is_destination_permitted(spec: Mapping[str, Any], server: str, cluster: str, namespace: str) -> bool | None:
    """Source: `isDestinationMatched`. None where it depends on what the repository does not say."""
    if not server and not cluster:
        return None
    found: bool | None = False
    for entry in items(spec.get("destinations")):
        item = mapping(entry)
        by_name = bool(cluster) and _matches(text(item.get("name")), cluster)
        by_server = bool(server) and _matches(text(item.get("server")), server)
        in_namespace = _matches(text(item.get("namespace")), namespace)
        if (by_name or by_server) and in_namespace:
            found = True
        elif (not by_name and text(item.get("name")).startswith("!")) or (
            not by_server and text(item.get("server")).startswith("!") and in_namespace
        ):
            return False if server and cluster else None
        elif not in_namespace and text(item.get("namespace")).startswith("!") and by_server:
            return False
        elif in_namespace and ((not server and item.get("server")) or (not cluster and item.get("name"))):
            found = found or None
    return found


def _matches(pattern: str, value: str) -> bool:
    if pattern.startswith("!"):
        return not matches_anywhere(pattern[1:], value)
    return pattern == "*" or matches_anywhere(pattern, value)


def _is_permitted(spec: Mapping[str, Any], resource: Resource, scopes: Scopes, *, server: str, cluster: str) -> bool:
    """Source: `IsResourcePermitted`; a kind of unknown scope is left alone."""
    namespaced = is_namespaced(resource.id, scopes)
    if namespaced is None:
        return True
    if not namespaced:
        allowed, denied = spec.get("clusterResourceWhitelist"), items(spec.get("clusterResourceBlacklist"))
        return _is_listed(resource, items(allowed)) and not _is_listed(resource, denied)
    allowed, denied = spec.get("namespaceResourceWhitelist"), items(spec.get("namespaceResourceBlacklist"))
    if (allowed is not None and not _is_listed(resource, items(allowed))) or _is_listed(resource, denied):
        return False
    namespace = resource.id.namespace
    return not namespace or is_destination_permitted(spec, server, cluster, namespace) is not False


def _is_listed(resource: Resource, entries: list[Any]) -> bool:
    for entry in entries:
        item = mapping(entry)
        named = not text(item.get("name")) or matches_segments(text(item.get("name")), resource.id.name)
        group, kind = text(item.get("group")), text(item.get("kind"))
        if matches_segments(kind, resource.id.kind) and matches_segments(group, resource.id.group) and named:
            return True
    return False
