"""A plugin of ms-swift: rank 0 stops where a test wants to do harm, until the file `go` is there.

HOLD in the environment says where, as `STEP` (after that optimizer step, before its save) or
`STEP/FILE/WHEN`: in the save of that step, at a file of the checkpoint, `before` it is written,
`half` written, or `after`. Where it stops, it makes the file `held`. Both lie in HOLD_DIR.

So a test needs no luck to hit a save, whatever machine this is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft.peft_model
import torch
from transformers import TrainerState
from transformers.trainer_callback import DefaultFlowCallback

STEP, _, PLACE = os.environ.get("HOLD", "").partition("/")
FILE, _, WHEN = PLACE.partition("/")


def hold() -> None:
    folder = Path(os.environ["HOLD_DIR"])
    (folder / "held").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)


def holding(write: Callable[..., Any], at: int) -> Callable[..., Any]:
    """The same function, which holds at the file; its path is the argument of that number."""

    def held(*words: Any, **named: Any) -> Any:
        path = Path(words[at]) if isinstance(words[at], (str, Path)) else Path()
        chosen = path.name == FILE and path.parent.name == f"checkpoint-{STEP}"
        if chosen and WHEN == "before":
            hold()
        result = write(*words, **named)
        if chosen and WHEN == "half":
            os.truncate(path, path.stat().st_size // 2)
        if chosen and WHEN in ("half", "after"):
            hold()
        return result

    return held


if STEP and os.environ.get("RANK", "0") == "0":
    if FILE:
        torch.save = holding(torch.save, 1)
        peft.peft_model.safe_save_file = holding(peft.peft_model.safe_save_file, 1)
        TrainerState.save_to_json = holding(TrainerState.save_to_json, 1)  # type: ignore[method-assign]
    else:
        usual = DefaultFlowCallback.on_step_end

        def on_step_end(self: Any, args: Any, state: Any, control: Any, **named: Any) -> Any:
            if state.global_step == int(STEP):
                hold()
            return usual(self, args, state, control, **named)

        DefaultFlowCallback.on_step_end = on_step_end  # type: ignore[method-assign]
