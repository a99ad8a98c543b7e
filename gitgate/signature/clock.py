"""When it is: from the operating system or from the caller, never from a commit."""

from __future__ import annotations

from datetime import UTC, datetime

from gitgate.errors import ToolError

BUILD_TIME = datetime(2026, 11, 23, tzinfo=UTC)
"""When this release was made; a clock that shows an earlier time is wrong, or was set back to revive a key."""
FUTURE_TOLERANCE = 300
"""Seconds that another machine's clock may be ahead."""


def current_time() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def check_clock(now: datetime) -> int:
    """Seconds since 1970.

    Raises:
        ToolError: `now` lies before the release was made.
    """
    if now < BUILD_TIME:
        raise ToolError(
            f"the clock shows {now:%Y-%m-%d}, which is before this release of gitgate was made",
            remedy="set the machine's clock; whether keys are valid depends on it",
        )
    return int(now.timestamp())
