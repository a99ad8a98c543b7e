"""A GitOps repository of 20,000 objects in 2,000 files, the same bytes every time: what the benchmarks read."""

from __future__ import annotations

import random
from collections.abc import Callable

FILES = 2_000
DOCUMENTS_IN_A_FILE = 10
_NAMES = ("api", "auth", "billing", "cart", "catalog", "checkout", "email", "gateway", "ledger", "search", "users")
_TEAMS = ("atlas", "borealis", "cygnus", "draco")


def build(files: int = FILES) -> dict[str, bytes]:
    """Path to content; about 11 kB and 45 lines a document."""
    random_source = random.Random(20240101)
    return {
        f"apps/{number // 100:02d}/app-{number:04d}.yaml": "---\n".join(
            _KINDS[(number + place) % len(_KINDS)](random_source, number * DOCUMENTS_IN_A_FILE + place)
            for place in range(DOCUMENTS_IN_A_FILE)
        ).encode()
        for number in range(files)
    }


def _head(api_version: str, kind: str, source: random.Random, number: int) -> tuple[str, str]:
    name = f"{source.choice(_NAMES)}-{number:05d}"
    team = source.choice(_TEAMS)
    text = f"""apiVersion: {api_version}
kind: {kind}
metadata:
  name: {name}
  namespace: team-{team}
  labels:
    app.kubernetes.io/name: {name}
    app.kubernetes.io/part-of: {team}
    app.kubernetes.io/version: "{source.randrange(9)}.{source.randrange(30)}.{source.randrange(30)}"
  annotations:
    example.org/owner: {team}@example.org
    # The runbook is linked from every alert.
    example.org/runbook: https://runbooks.example.org/{team}/{name}
"""
    return name, text


def _deployment(source: random.Random, number: int) -> str:
    name, head = _head("apps/v1", "Deployment", source, number)
    digest = f"{source.getrandbits(256):064x}"
    return f"""{head}spec:
  replicas: {source.randrange(1, 6)}
  revisionHistoryLimit: 3
  selector:
    matchLabels:
      app.kubernetes.io/name: {name}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: {name}
    spec:
      serviceAccountName: {name}
      securityContext:
        runAsNonRoot: true
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: main
          image: registry.example.org/{name}@sha256:{digest}
          args: ["--port=8080", "--log-level=info"]
          ports:
            - name: http
              containerPort: 8080
              protocol: TCP
          env:
            - name: DATABASE_URL
              valueFrom:
                secretKeyRef:
                  name: {name}
                  key: database-url
            - name: WORKERS
              value: "{source.randrange(1, 9)}"
          resources:
            requests:
              cpu: {source.randrange(1, 9)}00m
              memory: {source.randrange(1, 9)}28Mi
            limits:
              memory: 1Gi
          readinessProbe:
            httpGet:
              path: /ready
              port: http
            periodSeconds: 10
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
"""


def _service(source: random.Random, number: int) -> str:
    name, head = _head("v1", "Service", source, number)
    ports = "".join(
        f"    - name: port-{place}\n      port: {8000 + place}\n      targetPort: {9000 + place}\n      protocol: TCP\n"
        for place in range(4)
    )
    return f"{head}spec:\n  type: ClusterIP\n  selector:\n    app.kubernetes.io/name: {name}\n  ports:\n{ports}"


def _config_map(source: random.Random, number: int) -> str:
    _, head = _head("v1", "ConfigMap", source, number)
    values = "".join(f"  SETTING_{place:02d}: value-{source.randrange(10**6)}\n" for place in range(12))
    lines = "".join(f"    option.{place}={source.randrange(10**9)}\n" for place in range(16))
    return f"{head}data:\n{values}  application.properties: |\n{lines}"


def _ingress(source: random.Random, number: int) -> str:
    name, head = _head("networking.k8s.io/v1", "Ingress", source, number)
    rules = "".join(
        f"""    - host: {name}-{place}.example.org
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {name}
                port:
                  name: http
"""
        for place in range(3)
    )
    return f"{head}spec:\n  ingressClassName: public\n  rules:\n{rules}"


def _custom_resource(source: random.Random, number: int) -> str:
    name, head = _head("cert-manager.io/v1", "Certificate", source, number)
    names = "".join(f"    - {name}-{place}.example.org\n" for place in range(20))
    return f"""{head}spec:
  secretName: {name}-tls
  duration: 2160h
  renewBefore: 360h
  privateKey:
    algorithm: ECDSA
    size: 256
  dnsNames:
{names}  issuerRef:
    name: letsencrypt
    kind: ClusterIssuer
"""


def _network_policy(source: random.Random, number: int) -> str:
    name, head = _head("networking.k8s.io/v1", "NetworkPolicy", source, number)
    peers = "".join(
        f"""        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: team-{team}
          podSelector:
            matchLabels:
              app.kubernetes.io/part-of: {team}
"""
        for team in _TEAMS
    )
    return f"""{head}spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: {name}
  policyTypes:
    - Ingress
  ingress:
    - from:
{peers}      ports:
        - port: 8080
          protocol: TCP
"""


_KINDS: tuple[Callable[[random.Random, int], str], ...] = (
    _deployment,
    _service,
    _config_map,
    _ingress,
    _deployment,
    _custom_resource,
    _network_policy,
    _deployment,
)
