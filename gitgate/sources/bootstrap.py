"""What `flux bootstrap` leaves behind, by name."""

from __future__ import annotations

BOOTSTRAP = "GitRepository flux-system/flux-system"
"""What `flux bootstrap` and the Flux operator call the source of the cluster itself."""
