"""The `vlft` command, also as `python -m vlft`."""

from __future__ import annotations

import atexit
import gc
import os


def run() -> None:
    """Runs the command line and ends the process."""
    from vlft.output import console  # noqa: PLC0415

    code: object = 1

    def leave() -> None:
        """Ends the process, which frees the memory at once.

        To take every module apart first costs a twentieth of the time of `vlft validate`.
        """
        try:
            console.flush()
        except (OSError, ValueError):
            return  # Python itself says what becomes of it
        os._exit(code if isinstance(code, int) else 1)

    # What a start allocates is kept to the end: looking through it for garbage takes a tenth of
    # the time of `vlft validate`.
    gc.set_threshold(100_000)
    atexit.register(leave)  # the first to be registered is the last to be called
    from vlft.cli import main  # noqa: PLC0415

    try:
        main()
        code = 0
    except SystemExit as end:
        code = 0 if end.code is None else end.code
        raise


if __name__ == "__main__":
    run()
