"""The checks: each turns what an engine says into findings, and owns its rules."""
