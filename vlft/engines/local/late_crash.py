"""A training that was over, whatever became of its processes afterwards.

A process can die on its way out, when the interpreter is taken down around threads of torch that
still run: seen as a SIGABRT of one rank of two after the last step. torchrun then ends with 1,
though everything has been saved. ms-swift 4.6 tells in logging.jsonl how far it had come
(pipelines/train/sft.py): a line with `train_runtime` where all steps and saves were done, and as
the very last thing, after a push to a hub, one with `last_model_checkpoint`. An exception writes
the second line without the first.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from vlft.engines.process import Outcome

_DONE, _LAST = "train_runtime", "last_model_checkpoint"


def length(log: Path) -> int:
    """Bytes of a log; 0 if it is not there."""
    try:
        return log.stat().st_size
    except OSError:
        return 0


def forgiven(outcome: Outcome, log: Path, since: int) -> Outcome:
    """The outcome of a trainer, which is that of its training if that was over.

    Args:
        outcome: As the exit code tells it.
        log: logging.jsonl, which may not be there.
        since: Bytes of it that are from earlier attempts.
    """
    if outcome.status != "failed" or not _is_over(log, since):
        return outcome
    reason = f"the training was over and saved, and then {outcome.reason}"
    return replace(outcome, status="finished", reason=reason)


def _is_over(log: Path, since: int) -> bool:
    entries = []
    with suppress(OSError), log.open("rb") as file:
        file.seek(since)
        for line in file.read().splitlines()[-2:]:
            with suppress(ValueError):
                entry: Any = json.loads(line)
                entries.append(entry if isinstance(entry, dict) else {})
    return len(entries) == 2 and _DONE in entries[0] and _LAST in entries[1]  # noqa: PLR2004
