"""Is every new commit signed by somebody who may change those paths? An engine that knows no findings."""
