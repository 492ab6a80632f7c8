"""The model under an adapter that is to be merged, checked to be the one that it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vlft.errors import VlftError
from vlft.facts.checkpoint import read_checkpoint
from vlft.launch.asking import base_of, saved_arguments
from vlft.launch.base_folder import base_folder
from vlft.launch.base_identity import require_same_base
from vlft.launch.verifying import read_base
from vlft.verify.adapter import read_adapter, refuse_broken
from vlft.verify.base import place

if TYPE_CHECKING:
    from vlft.facts.interpreter import Interpreter
    from vlft.launch.export_request import Request
    from vlft.runs.target import Target
    from vlft.verify.merged import Base

# swift/arguments/base_args/base_args.py: what a merge is allowed for.
_MERGEABLE = ("lora", "longlora", "llamapro", "adalora")
_MERGEABLE_PEFT = ("LORA", "ADALORA")


def find_base(
    target: Target, request: Request, interpreter: Interpreter
) -> tuple[Base | None, str | None]:
    """The model under an adapter, and how to name it to ms-swift.

    Args:
        target: The adapter; a whole model has no base.
        request: Which base was named, and whether it is trusted.
        interpreter: The Python that merges; it reads weights in pickles.

    Returns:
        The base, None where it is a hub's id that is in no cache here; its folder or id, None
        for a whole model.

    Raises:
        VlftError: If the adapter can't be merged, or not into this base.
    """
    checkpoint = target.checkpoint
    if checkpoint.kind == "model":
        refuse_broken(checkpoint)
        return None, None
    _refuse_tuner(target)
    adapter = read_adapter(checkpoint)
    name = base_of(target, request.base)
    folder = base_folder(target, request.base)
    if folder is None:
        return None, name
    found = read_checkpoint(folder)
    refuse_broken(found)
    if found.quantization is not None:
        raise VlftError(
            f"the model under the adapter is quantised: {folder}",
            "a merge needs the weights that it was quantised from: --base DIR",
        )
    base = read_base(found, interpreter)
    if base.headers:
        place(adapter, base.headers, found.path)
    if not request.trust_base:
        require_same_base(target, found, fetched=not Path(name).is_dir())
    return base, found.path


def _refuse_tuner(target: Target) -> None:
    saved = saved_arguments(target)
    kind = str(saved.get("tuner_type") or saved.get("train_type") or "lora")  # 4.0 renamed it
    peft = str((target.checkpoint.adapter or {}).get("peft_type", "LORA"))
    if kind not in _MERGEABLE or peft not in _MERGEABLE_PEFT:
        raise VlftError(
            f"an adapter of {kind if kind not in _MERGEABLE else peft} can't be merged",
            f"ms-swift merges {', '.join(_MERGEABLE)}; `vlft infer` uses the adapter as it is",
        )
