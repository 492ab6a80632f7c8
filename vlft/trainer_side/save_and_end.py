"""Saves a checkpoint and ends the training after the step in which a file has come to be.

A plugin of ms-swift (`--external_plugins`) with one callback, which 4 takes by its name
(`--callbacks`) and 3.12 from a list. A signal would not do: the data loader's workers get it too
and die of it, which ends the training before it has saved; and ranks that hear of it a moment
apart save different steps. Here rank 0 looks for the file, on the node where the batch shell
makes it, and tells the others.

Nothing of it stays in args.json, which ms-swift copies into each checkpoint: whoever uses the
checkpoint would be asked for this file.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - this is the trainer's process
import torch.distributed as dist  # noqa: TID253

try:
    from swift.callbacks import TrainerCallback, callbacks_map
except ImportError:  # ms-swift 3
    from swift.plugin import extra_callbacks
    from transformers import TrainerCallback

    callbacks_map = None

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

NAME = "vlft_save_and_end"
REQUEST = "VLFT_SAVE_AND_END"
"""Variable with the file's name; where it is not set, nobody asks."""


class SaveAndEnd(TrainerCallback):
    """Asks after each optimizer step; every rank comes to the same answer."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Leaves args.json before a checkpoint gets its copy."""
        if state.is_world_process_zero:
            _leave_args_json(Path(args.output_dir, "args.json"))
        return control

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        """Makes this step the last one, and has it saved."""
        if _asked(args.device):
            control.should_save = True
            control.should_training_stop = True
            if state.is_world_process_zero:
                request = Path(os.environ[REQUEST])
                request.replace(request.with_name(f"{request.name}.taken"))
        return control


def _asked(device: torch.device) -> bool:
    file = os.environ.get(REQUEST)
    if not file:
        return False
    if not (dist.is_available() and dist.is_initialized()):
        return Path(file).exists()
    asked = dist.get_rank() == 0 and Path(file).exists()
    told = torch.tensor([asked], dtype=torch.uint8, device=device)
    dist.broadcast(told, src=0)
    return bool(told.item())


def _leave_args_json(file: Path) -> None:
    if not file.exists():
        return
    args = json.loads(file.read_text(encoding="utf-8"))
    for key, own in (("external_plugins", Path(__file__).name), ("callbacks", NAME)):
        if key in args:
            args[key] = [one for one in args[key] or [] if Path(one).name != own]
    part = file.with_suffix(".part")
    part.write_text(json.dumps(args, ensure_ascii=False, indent=2), encoding="utf-8")
    part.replace(file)


if callbacks_map is None:
    extra_callbacks.append(SaveAndEnd())
else:
    callbacks_map[NAME] = SaveAndEnd
