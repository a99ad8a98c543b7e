"""Every benchmark, `make bench`: numbers, ratios against baselines of the same run, and whether targets are reached."""

from __future__ import annotations

import sys

from benchmarks import cluster, parse, plan, policies, signatures, sources, startup, validate


def main() -> int:
    """Run all.

    Returns:
        0 when every target was reached.
    """
    good = True
    for title, benchmark in (
        ("Start-up", startup.main),
        ("Reading YAML", parse.main),
        ("Parse and schema of 20,000 documents", validate.main),
        ("Shipped policies on 20,000 objects", policies.main),
        ("Plans", plan.main),
        ("Plans of a real API server", cluster.main),
        ("What Flux applies, 300 Kustomizations and 100 releases", sources.main),
        ("Signatures of 1,000 commits", signatures.main),
    ):
        print(f"\n{title}")
        good = benchmark() is not False and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
