"""The output formats: each turns a report into text."""
