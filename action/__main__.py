"""The action's steps: `python -I action resolve` and `python -I action judge`.

Python runs this folder isolated: neither the working directory, which is the judged checkout, nor any PYTHON*
variable can name a module.
"""

from __future__ import annotations

import sys

from runner import UndeterminedError, undetermined

UNDETERMINED = 3


def main() -> int:
    """Run one step.

    Returns:
        The exit code: gitgate's own, and 3 for whatever keeps it from coming to a verdict.
    """
    try:
        if sys.argv[1:] == ["resolve"]:
            from resolve import resolve  # noqa: PLC0415 - one step imports what it needs

            resolve()
            return 0
        if sys.argv[1:] == ["judge"]:
            from judge import judge  # noqa: PLC0415

            return judge()
        undetermined(UndeterminedError("the step is neither resolve nor judge"))
    except UndeterminedError as error:
        undetermined(error)
    except Exception as error:  # noqa: BLE001 - the outermost frame: whatever happens is never a pass
        undetermined(UndeterminedError(f"internal error in the action: {type(error).__name__}"))
    return UNDETERMINED


if __name__ == "__main__":
    sys.exit(main())
