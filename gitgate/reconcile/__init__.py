"""Engine: what the agent would do to the cluster if this were merged, worked out without a cluster."""
