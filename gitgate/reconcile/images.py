"""Container image references, as far as the API server reads them."""

from __future__ import annotations

from typing import Any


def default_pull_policy(image: Any) -> str:
    """`Always` when the tag is, or defaults to, `latest`; else `IfNotPresent`.

    Source: k8s.io/kubernetes/pkg/util/parsers/parsers.go, `ParseImageName`, and core/v1/defaults.go,
    `SetDefaults_Container`.
    """
    if not isinstance(image, str):
        return "IfNotPresent"
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "Always" if tag == "latest" or (not tag and not digest) else "IfNotPresent"
