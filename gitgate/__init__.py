"""gitgate: the gate that stands between a pull request and the cluster."""

from __future__ import annotations

__version__ = "0.1.0"
