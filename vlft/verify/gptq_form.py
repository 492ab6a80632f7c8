"""Which form the zero points of a GPTQ folder are in, and what its config.json says of them.

The older form stores each zero point less by one, the newer one as it is. Read in the wrong form,
every weight is off by a whole step, and nothing fails. optimum 2.3 does just that to what it
writes: the config is filled in while the weights are in the newer form, then they are turned
back into the older one (optimum/gptq/quantizer.py: quantize_model, save).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vlft.files import read_json, write_json

if TYPE_CHECKING:
    from vlft.facts.checkpoint import Checkpoint

Form = Literal["gptq", "gptq_v2"]
_KEYS = ("format", "checkpoint_format")  # the name since optimum 2, and before


def stored_form(made: Checkpoint) -> Form | None:
    """The form of the zero points; None if it can't be told.

    Symmetric weights have them all in the middle of the range, 2^(bits-1); the lowest bits of
    the first word tell that number from the one before it.
    """
    config = made.quantization or {}
    bits = config.get("bits")
    if config.get("sym") is not True or not isinstance(bits, int):
        return None
    name = next((name for name in made.tensors() if name.endswith(".qzeros")), None)
    word = None if name is None else _first_word(made, name)
    if word is None:
        return None
    middle = 1 << (bits - 1)
    forms: dict[int, Form] = {middle: "gptq_v2", middle - 1: "gptq"}
    return forms.get(word & ((1 << bits) - 1))


def correct_form(made: Checkpoint) -> str | None:
    """Makes config.json say the form that the weights are in.

    Returns:
        What was corrected, as a sentence; None if all was right, or can't be told.

    Raises:
        OSError: If config.json can't be written.
    """
    form = stored_form(made)
    file = Path(made.path, "config.json")
    config = read_json(file)
    said = config.get("quantization_config") if config else None
    if form is None or config is None or not isinstance(said, dict):
        return None
    wrong = {key: said[key] for key in _KEYS if said.get(key) not in (None, form)}
    if not wrong:
        return None
    write_json(file, config | {"quantization_config": said | dict.fromkeys(wrong, form)})
    return (
        f"config.json said {', '.join(map(str, wrong.values()))} of zero points in the form {form}:"
        " every weight would have been off by a step"
    )


def _first_word(made: Checkpoint, name: str) -> int | None:
    """The first 32 bits of a tensor."""
    for file in made.weight_files:
        with Path(made.path, file).open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            entry = json.loads(stream.read(length)).get(name)
            if entry is not None:
                stream.seek(8 + length + entry["data_offsets"][0])
                word = stream.read(4)
                return int.from_bytes(word, "little") if len(word) == 4 else None  # noqa: PLR2004
    return None
