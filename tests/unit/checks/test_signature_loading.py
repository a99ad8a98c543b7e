"""What the signature check loads for agents: nothing where none demands signatures."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from gitgate.change import Change
from gitgate.checks.signature import SignatureCheck
from gitgate.proposal import Proposal, Snapshot
from gitgate.resource import Origin, Resource, ResourceId
from gitgate.settings import Settings

data = {{"spec": {spec}}}
source = Resource(ResourceId("source.toolkit.fluxcd.io", "v1", "GitRepository", "a", "b"), data, Origin("a.yaml", 0, (), 1))
change = Change(base=None, head=None, base_name="base", head_name="head")
SignatureCheck().examine(Proposal(change, Snapshot(), Snapshot((source,))), Settings())
print("gitgate.signature.agents" in sys.modules, "gitgate.signature.seals" in sys.modules)
"""


@pytest.mark.parametrize(("spec", "loaded"), [
    ({"url": "https://example.com"}, "False False"), ({"verify": {"mode": "HEAD"}}, "True False"),
])  # fmt: skip
def test_only_what_agents_demand_is_loaded(spec: dict[str, object], loaded: str) -> None:
    command = [sys.executable, "-c", SCRIPT.format(spec=spec)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (loaded, "")
