"""Which node image of kind is which Kubernetes version.

Source: the release notes of kind, https://github.com/kubernetes-sigs/kind/releases: the newest image of each minor
version, of v0.33.0 (1.34 to 1.37), v0.32.0 (1.33), v0.31.0 (1.31, 1.32) and v0.29.0 (1.30). By digest, as kind asks:
tags of images are written again for later releases.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gitgate.errors import ToolError, UsageError

IMAGES: Mapping[str, str] = {
    "1.37": "kindest/node:v1.37.0@sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5",
    "1.36": "kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed",
    "1.35": "kindest/node:v1.35.8@sha256:07b2536e30b803ed61d1677a79df6115f798ce64c80f9e22f6ed45afd09323c0",
    "1.34": "kindest/node:v1.34.11@sha256:44e222ee2132dab25ff87301682f89eb82c7880ea3a1bf543bfe9708fd08d67d",
    "1.33": "kindest/node:v1.33.12@sha256:3f5c8443c620245e4d355cfe09e96a91ead32ceaa569d3f1ca9edf0cb2fe2ff4",
    "1.32": "kindest/node:v1.32.11@sha256:5fc52d52a7b9574015299724bd68f183702956aa4a2116ae75a63cb574b35af8",
    "1.31": "kindest/node:v1.31.14@sha256:6f86cf509dbb42767b6e79debc3f2c32e4ee01386f0489b3b2be24b0a55aac2b",
    "1.30": "kindest/node:v1.30.13@sha256:397209b3d947d154f6641f2d0ce8d473732bd91c87d9575ade99049aa33cd648",
}
OLDEST = (1, 30)
"""The first version with ValidatingAdmissionPolicies, without which nothing keeps the Pods of a plan from running."""
_REFERENCE = re.compile(r"[a-z0-9][A-Za-z0-9.:/_-]*(@sha256:[0-9a-f]{64})?\Z")
_TAG = re.compile(r":v(\d+\.\d+)\.\d+(?:[.-][A-Za-z0-9.-]*)?(?:@|\Z)")


def choose_image(minor: str | None, image: str | None, newest: str) -> tuple[str, str]:
    """The Kubernetes version of a plan, and the image that has it.

    Args:
        minor: The version asked for, `1.37`; None for what the image is, or the newest.
        image: The image asked for; None for kind's own.
        newest: The version where nothing is asked for.

    Raises:
        ToolError: There is no such image.
        UsageError: What is named is no image, or does not say its version.
    """
    if image is not None and not _REFERENCE.match(image):
        raise UsageError(f"{image!r} is not an image", remedy="An image is kindest/node:v1.37.0@sha256:...")
    if image is not None and minor is None:
        tag = _TAG.search(image)
        if tag is None:
            raise UsageError(
                f"the tag of {image} does not say its Kubernetes version", remedy="Give --kubernetes-version as well."
            )
        minor = tag[1]
    minor = minor or newest
    if tuple(int(part) for part in minor.split(".")) < OLDEST:
        raise ToolError(
            f"plans by kind need Kubernetes {OLDEST[0]}.{OLDEST[1]} or later: nothing keeps Pods from running before",
            remedy="Plan with --cluster control-plane, which runs none.",
        )
    if image is None and minor not in IMAGES:
        raise ToolError(
            f"no image of kind is known for Kubernetes {minor}",
            remedy=f"Name one with --kind-image, or plan for {', '.join(IMAGES)}.",
        )
    return minor, image or IMAGES[minor]
