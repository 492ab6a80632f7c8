"""Code that comes with weights: run only where somebody has said so."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vlft.errors import VlftError
from vlft.probe.checkpoint import read_checkpoint
from vlft.runs.base_model import base_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.probe.checkpoint import Checkpoint
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
    for checkpoint in _loaded(target, base):
        if checkpoint.carried_code is not None:
            raise VlftError(checkpoint.carried_code, "read it, then say --trust-remote-code")


def _loaded(target: Target, base: str | None) -> Iterator[Checkpoint]:
    """What ms-swift would load, as far as it is on this machine."""
    yield target.checkpoint
    if target.checkpoint.kind == "adapter":
        with contextlib.suppress(VlftError):  # said where the base itself is needed
            folder = base_folder(target, base)
            if folder is not None:
                yield read_checkpoint(folder)
