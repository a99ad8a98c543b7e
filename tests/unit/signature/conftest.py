"""The session's keys, for every test of signatures."""

from tests.support.keys import keys

__all__ = ["keys"]
