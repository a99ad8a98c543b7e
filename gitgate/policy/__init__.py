"""The policy engine: Kubernetes' own admission policies, evaluated before the merge; knows no findings."""
