"""Values that earlier releases wrote in another way, by today's name of the argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DROPPED: Final = None

_DTYPES: Final[Mapping[str, str | None]] = {
    "bf16": "bfloat16",
    "fp16": "float16",
    "fp32": "float32",
    "AUTO": DROPPED,
}
_MODULES: Final[Mapping[str, str | None]] = {
    "EMBEDDING": "all-embedding",
    "LN": "all-norm",
    "NONE": DROPPED,
}
_ZERO: Final[Mapping[str, str | None]] = {
    "default-zero2": "zero2", "default-zero3": "zero3",
    "zero2-offload": "zero2_offload", "zero3-offload": "zero3_offload",
    "default-zero2-offload": "zero2_offload", "default-zero3-offload": "zero3_offload",
}  # fmt: skip
_ATTENTION: Final[Mapping[str, str | None]] = {
    "true": "flash_attn",
    "false": "sdpa",
    "auto": DROPPED,
    "none": DROPPED,
}


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a value.

    Attributes:
        value: The new text; None drops the argument.
        why: For its comment.
    """

    value: str | None
    why: str


VALUES: Final[dict[str, Mapping[str, str | None]]] = {
    "torch_dtype": _DTYPES,
    "bnb_4bit_compute_dtype": _DTYPES,
    "lora_dtype": _DTYPES,
    "deepspeed": _ZERO,
    "truncation_strategy": {"truncation_left": "left", "ignore": "delete"},
    "target_modules": {
        "ALL": "all-linear", "DEFAULT": DROPPED, "AUTO": DROPPED, "EMBEDDING": "all-embedding",
    },
    "modules_to_save": _MODULES,
    "template": {"AUTO": DROPPED},
    "tuner_backend": {"swift": DROPPED},
    "quant_bits": {"0": DROPPED},
    "max_length": {"-1": DROPPED},
    "max_pixels": {"-1": DROPPED},
    "max_steps": {"-1": DROPPED, "0": DROPPED},
    "save_total_limit": {"-1": DROPPED},
    "split_dataset_ratio": {"0": DROPPED, "0.": DROPPED, "0.0": DROPPED},
    "loss_scale": {"AUTO": DROPPED},
}  # fmt: skip
"""Argument → old value → new value. What is not listed stays as it is."""

RENAMED_VALUES: Final[dict[str, Mapping[str, str | None]]] = {
    "use_flash_attn": _ATTENTION,
    "use_loss_scale": {"true": "react", "false": DROPPED},
    "loss_scale_config_path": {"DEFAULT": DROPPED},
    "check_dataset_strategy": {"error": "true"},
    "push_hub_strategy": {
        "push_last": "every_save", "push_best": DROPPED, "all_checkpoints": "all_checkpoints",
    },
    "acc_strategy": {"sentence": "seq"},
    "do_sample": {"false": "0"},
}  # fmt: skip
"""Old name → old value → value of the new argument."""

REASONS: Final[dict[str, str]] = {
    "torch_dtype": "absent means the checkpoint's own",
    "bnb_4bit_compute_dtype": "absent means that of the model",
    "lora_dtype": "absent means that of the model",
    "target_modules": "absent means all-linear, in the language model",
    "template": "it follows from the model",
    "tuner_backend": "ms-swift's own LoRA is gone: peft does it",
    "quant_bits": "no quantisation is the default",
    "max_length": "absent means the model's own limit",
    "max_pixels": "absent means no limit",
    "max_steps": "absent means that the epochs decide",
    "save_total_limit": "absent means that all are kept",
    "split_dataset_ratio": "absent means that no rows are split off",
    "attn_impl": "absent means the model's own",
    "loss_scale": "absent means the template's own",
    "modules_to_save": "nothing is saved beside the adapter by default",
}
"""Argument → why a value of it may simply be absent."""


def change_value(name: str, old: str, value: str) -> Change | None:
    """What a value became; None if it is still written so.

    Args:
        name: Today's name of the argument.
        old: The name it was given under.
        value: As it was given.
    """
    renamed = RENAMED_VALUES.get(old)
    if renamed is not None:
        if value.lower() in renamed or value in renamed:
            made = renamed[value] if value in renamed else renamed[value.lower()]
            return Change(made, REASONS.get(name, "nothing else does it today"))
        if old != "acc_strategy":
            return Change(None, f"`{value}` has no counterpart today"[:80])
    table = VALUES.get(name)
    if table is None or value not in table:
        return None
    return Change(table[value], REASONS.get(name, ""))
