"""The program's outermost frame: every ending becomes one exit code and at most one line.

Exit codes: 0 accepted, 1 rejected, 2 usage or settings, 3 undetermined or internal, 130 interrupted. Zero is reached
only through a report whose verdict is accepted (and through `--help`, `explain` and the like).
"""

from __future__ import annotations

import gc
import os
import signal
import sys

from gitgate.errors import GitgateError, UsageError


def main() -> None:
    """Run gitgate and exit."""
    # A run is short, and what it builds are trees of plain values without cycles: looking for cycles among millions
    # of them cost a fifth of the time and freed nothing (make bench).
    gc.disable()
    # Ended by a signal, the program still stops its children and removes its private directories.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is signal.SIG_DFL:  # nohup ignores SIGHUP, and means it
            signal.signal(ending, _end)
    try:
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # while the program itself was loaded
        sys.exit(130)


def _end(number: int, _: object) -> None:
    """End the children first: Python drops an exit that a signal raises inside a finaliser, and would go on."""
    process = sys.modules.get("gitgate.process")
    if process is not None:
        process.end_running()
    sys.exit(128 + number)


def run(arguments: list[str]) -> int:
    """Run one command line.

    Returns:
        The exit code.
    """
    import click  # noqa: PLC0415 - inside the frame, so that a broken installation is an internal error too

    from gitgate.cli import cli  # noqa: PLC0415

    try:
        code = cli.main(args=arguments, prog_name="gitgate", standalone_mode=False)
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return UsageError.exit_code
    except GitgateError as error:
        _complain(str(error), error.remedy)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # the frame's purpose: no traceback, never zero
        if os.environ.get("GITGATE_DEBUG"):
            raise
        _complain(
            f"internal error: {type(error).__name__}", "Set GITGATE_DEBUG=1 for the traceback, and please report it."
        )
        return GitgateError.exit_code
    return code if isinstance(code, int) else 0


def _complain(message: str, remedy: str | None) -> None:
    from gitgate.reporters.encode import log_safe  # noqa: PLC0415 - only on the way out

    print(f"gitgate: {log_safe(message)}", file=sys.stderr)  # noqa: T201 - the one place that prints errors
    if remedy:
        print(f"  {log_safe(remedy)}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
