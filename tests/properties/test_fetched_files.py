"""What is fetched comes out the same after any change that leaves its finding an existing one, and all else as judged."""

from __future__ import annotations

import json
import re

from hypothesis import assume, event, given
from hypothesis import strategies as st

from gitgate.proposal import Problem, Snapshot
from tests.support.rendering import render, require_kustomize

URL = "https://example.com/fetched.yaml"
_NAMES = {"one.yaml": ("operator", "vars"), "two.yaml": ("deployer", "own")}
_SPACES = {"": "operators", "apart": "shop", "with": "other"}
FETCHED = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: vars}
subjects:
- {kind: ServiceAccount, name: operator, namespace: operators}
- {kind: ServiceAccount, name: deployer, namespace: operators}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: fetched, namespace: operators, labels: {app: fetched}}
spec:
  selector: {matchLabels: {app: fetched}}
  template:
    metadata: {labels: {app: fetched}}
    spec:
      serviceAccountName: operator
      containers: [{name: operator, image: operator, args: [$(X)], envFrom: [{configMapRef: {name: vars}}]}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: fetched, namespace: operators}
data: {key: fetched}
"""
_KINDS = {
    "ServiceAccount": "apiVersion: v1\n",
    "ConfigMap": "apiVersion: v1\ndata: {key: own}\n",
    "NetworkPolicy": "apiVersion: networking.k8s.io/v1\nspec: {podSelector: {}}\n",
    "ClusterRole": "apiVersion: rbac.authorization.k8s.io/v1\nrules: []\n",
}
_FIELDS = (
    "namespace: shop",
    "namespace: operators",
    "namePrefix: a-",
    "nameSuffix: -b",
    "images: [{name: operator, newTag: v2}]",
    "commonLabels: {part: one}",
    "labels: [{pairs: {part: two}}]",
    "commonAnnotations: {part: one}",
    "commonAnnotations: {internal.config.kubernetes.io/previousNames: deployer}",
    "replicas: [{name: fetched, count: 5}]",
    """patches: [{patch: '[{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]', target: {name: .*}}]""",
    """patches: [{patch: '[{"op": "replace", "path": "/metadata/name", "value": "deployer"}]', target: {kind: ServiceAccount, labelSelector: a=b}}]""",
    "configMapGenerator: [{name: vars, literals: [key=generated]}]",
    "configMapGenerator: [{name: fetched, namespace: operators, behavior: merge, literals: [key=generated]}]",
    "configMapGenerator: [{name: own, files: [data.txt]}]",
    "vars: [{name: X, objref: {apiVersion: v1, kind: ConfigMap, name: vars}, fieldref: {fieldpath: data.key}}]",
    (
        "replacements: [{source: {kind: ConfigMap, name: vars, fieldPath: data.key}, targets: "
        "[{select: {kind: Deployment}, fieldPaths: [metadata.labels.app]}]}]"
    ),
)


def objects(path: str) -> st.SearchStrategy[str]:
    """Any object of a file; names differ from file to file, as kustomize refuses two of one name."""
    place, _, name = path.rpartition("/")
    return st.builds(
        lambda kind, called, more: (
            f"{_KINDS[kind]}kind: {kind}\nmetadata: {{name: {called}, namespace: {_SPACES[place]}{more}}}\n"
        ),
        st.sampled_from(sorted(_KINDS)),
        st.sampled_from(_NAMES[name]),
        st.sampled_from(("", ", labels: {a: b}", ", annotations: {a: b}")),
    )


names = st.permutations(("one.yaml", "two.yaml")).flatmap(lambda all_of: st.sampled_from((all_of[:1], all_of)))
fields = st.one_of(st.just([]), st.lists(st.sampled_from(_FIELDS), max_size=1))
_PATHS = [f"{place}{name}.yaml" for place in ("", "apart/", "with/") for name in ("one", "two")]
files = st.fixed_dictionaries(
    {
        **{path: objects(path) for path in _PATHS},
        **dict.fromkeys(("with/data.txt", "apart/data.txt", "data.txt"), st.sampled_from(("a", "b"))),
    }
)
layouts = st.fixed_dictionaries({place: st.tuples(names, fields) for place in ("", "apart/", "with/")})
_HASH = re.compile(r"-[bcdfghkmt2456789]{10}(?=\")")


def _tree(
    texts: dict[str, str], layout: dict[str, tuple[list[str], list[str]]], fetched: str
) -> dict[str, str | bytes]:
    tree: dict[str, str | bytes] = dict(texts)
    for place, (names, fields) in layout.items():
        resources = [*names, *{"": ("with", "apart"), "with/": (fetched,)}.get(place, ())]
        tree[f"{place}kustomization.yaml"] = "\n".join((f"resources: {json.dumps(resources)}", *fields, ""))
    return tree if fetched == URL else {**tree, f"with/{fetched}": FETCHED}


def _of(snapshot: Snapshot, *, fetched: bool) -> list[str]:
    chosen = (one for one in snapshot.resources if one.origin.path.endswith("fetched.yaml") == fetched)
    return [_HASH.sub("", json.dumps([str(one.id), one.data])) for one in chosen]


def _told(snapshot: Snapshot) -> list[Problem]:
    """What was found, but for files that no kustomization names."""
    return [one for one in snapshot.problems if one.code != "unreferenced-manifest"]


@given(files, layouts, st.data())
def test_a_change_that_is_let_through_reaches_nothing_that_is_fetched(texts, layout, data) -> None:
    require_kustomize()
    before = render(_tree(texts, layout, URL))
    assume([one.code for one in _told(before)] == ["kustomize-remote-reference"] and before.resources)
    texts_after, layout_after = dict(texts), dict(layout)
    for path in data.draw(st.lists(st.sampled_from(sorted(texts)), max_size=2, unique=True)):
        texts_after[path] = data.draw(st.sampled_from(("a", "b")) if path.endswith(".txt") else objects(path))
    place = data.draw(st.sampled_from(sorted(layout)))
    layout_after[place] = data.draw(st.one_of(st.just(layout[place]), st.tuples(names, st.just(layout[place][1]))))
    after = render(_tree(texts_after, layout_after, URL))
    if [one.discriminator for one in _told(after)] != [one.discriminator for one in _told(before)]:
        event("blocked")
        return
    sides = (_tree(texts, layout, "fetched.yaml"), _tree(texts_after, layout_after, "fetched.yaml"))
    real, real_after = map(render, sides)
    if _told(real) or _told(real_after):
        event("the agent fails and applies nothing")
        return
    event("compared")
    assert _of(real, fetched=True) == _of(real_after, fetched=True)
    assert _of(after, fetched=False) == _of(real_after, fetched=False)
