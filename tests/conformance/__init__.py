"""Scores against corpora that others made; none of their data is in this repository."""
