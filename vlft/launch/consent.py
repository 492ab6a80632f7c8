"""Code that comes with weights: run only where somebody has said so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.errors import VlftError
from vlft.launch.asking import model_of

if TYPE_CHECKING:
    from vlft.runs.target import Target


def refuse_unread_code(target: Target, base: str | None = None) -> None:
    """Stops before ms-swift runs a folder's Python files, which it does without asking.

    Args:
        target: The weights. A run of vlft's own was consented to when it was trained.
        base: The model under an adapter, if it moved.

    Raises:
        VlftError: If the weights or their base carry code that nobody consented to.
    """
    if target.trusted or target.run is not None:
        return
    for checkpoint in (target.checkpoint, model_of(target, base)):
        if checkpoint is not None and checkpoint.carried_code is not None:
            raise VlftError(checkpoint.carried_code, "read it, then say --trust-remote-code")
