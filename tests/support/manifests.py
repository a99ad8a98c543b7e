"""Small manifests that are valid for every bundled Kubernetes version, and ways to break them."""

from __future__ import annotations


def config_map(name: str = "settings", data: str = "key: value", namespace: str = "shop") -> str:
    return f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  namespace: {namespace}
data:
  {data}
"""


def deployment(name: str = "web", replicas: object = 2, extra: str = "") -> str:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: shop
spec:
  replicas: {replicas}
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
    spec:
      containers:
        - name: {name}
          image: registry.example.com/{name}:1.0
{extra}"""


MISSPELT = "          imagePullPolice: Always\n"
"""For `deployment(extra=…)`: a field that Kubernetes does not know."""


def crd(*, fields: str, group: str = "example.com", kind: str = "Widget") -> str:
    """A definition whose spec has the given properties, one `name: {type: …}` a line."""
    plural = f"{kind.lower()}s"
    properties = "".join(f"                {line}\n" for line in fields.splitlines())
    return f"""\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: {plural}.{group}
spec:
  group: {group}
  scope: Namespaced
  names:
    kind: {kind}
    plural: {plural}
    singular: {kind.lower()}
    listKind: {kind}List
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
{properties}"""


def widget(name: str = "wheel", spec: str = "size: 3", group: str = "example.com", kind: str = "Widget") -> str:
    return f"""\
apiVersion: {group}/v1
kind: {kind}
metadata:
  name: {name}
  namespace: shop
spec:
  {spec}
"""
