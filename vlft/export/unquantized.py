"""A merge after QLoRA, kept from quantising what it has merged.

ms-swift takes `quant_method` and `quant_bits` of a merge from the adapter's args.json where they
are not given, and can't be told that there are none: it then merges into `CHECKPOINT-merged`,
quantises that as the training did, and puts the result where the merge was to be
(swift/arguments/base_args/base_args.py: load_args_from_ckpt; swift/pipelines/export/export.py).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vlft.files import write_json

if TYPE_CHECKING:
    from vlft.probe.checkpoint import Checkpoint

_KEYS = ("quant_method", "quant_bits")


def trained_quantized(adapter: Checkpoint) -> bool:
    """Whether args.json says that the base was quantised in training."""
    saved = adapter.args or {}
    return any(saved.get(key) is not None for key in _KEYS)


def without_quantization(adapter: Checkpoint, work: Path) -> Path:
    """A folder with the adapter's files, and an args.json that says nothing of a quantisation.

    Merged weights get that args.json as well: with the old one, ms-swift would quantise them
    each time it loads them.

    Args:
        adapter: The adapter.
        work: Folder to put it in.

    Returns:
        The adapter's own folder, if there is nothing to leave out.

    Raises:
        OSError: If it can't be written.
    """
    if not trained_quantized(adapter):
        return Path(adapter.path)
    folder = work / "adapter" / Path(adapter.path).name
    folder.mkdir(parents=True)
    for file in Path(adapter.path).iterdir():
        if file.name != "args.json":
            os.symlink(file.absolute(), folder / file.name)  # noqa: PTH211
    write_json(folder / "args.json", {**(adapter.args or {}), **dict.fromkeys(_KEYS)})
    return folder
