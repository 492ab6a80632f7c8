"""What earlier releases of ms-swift called models and values, and their defaults.

Defaults are from the dataclasses of 2.6.1 and 4.6.0. Between 3.6 and 4.6 none changed that
changes a run; before 3.6 one row in a hundred was split off for validation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from vlft.swift.probe import old_name
from vlft.swift.versions import release

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from vlft.importer.flags import Flag
    from vlft.swift.release import SwiftFacts


_APART: Final = re.compile(r"[^a-z0-9]+")
_OLD_SPELLING: Final = (("1half", "1.5"), ("llama2", "llama-2"))


class Model(Struct, frozen=True):
    """A published model.

    Attributes:
        hub_id: `owner/name`.
        model_type: ms-swift's name of its family.
    """

    hub_id: str
    model_type: str


class Published:
    """The models and templates that the installed ms-swift knows.

    Args:
        swift: What it accepts.
    """

    def __init__(self, swift: SwiftFacts) -> None:
        self._swift = swift
        self._models: dict[str, Model] | None = None

    def is_type(self, name: str) -> bool:
        """Whether this is a model_type."""
        return name in self._swift.models()

    def is_multimodal(self, name: str | None) -> bool:
        """Whether a model_type takes images, videos or audio; False for one that is not known."""
        entry = self._swift.models().get(name) if name is not None else None
        return entry is not None and entry.is_multimodal

    @property
    def types(self) -> frozenset[str]:
        """All model_types."""
        return frozenset(self._swift.models())

    def is_template(self, name: str) -> bool:
        """Whether this is a template."""
        return name in self._swift.templates

    def is_known(self, hub_id: str) -> bool:
        """Whether a hub id stands in the registry."""
        return any(hub_id in entry.hub_ids for entry in self._swift.models().values())

    def type_of(self, model: str) -> str | None:
        """The one model_type that ms-swift takes for a folder's name or a hub id."""
        found = self._swift.guess_model_types(model, ())
        return found[0] if len(found) == 1 else None

    def find(self, old: str) -> Model | None:
        """The model that 2.x called so; None if none, or no single one, fits."""
        for before, now in _OLD_SPELLING:
            old = old.replace(before, now)
        return self._by_name().get(_plain(old))

    def _by_name(self) -> dict[str, Model]:
        if self._models is None:
            self._models = {}
            for entry in self._swift.models().values():
                for hub_id in entry.hub_ids:
                    name = _plain(hub_id.rpartition("/")[2])
                    self._models.setdefault(name, Model(hub_id, entry.model_type))
        return self._models


def _plain(name: str) -> str:
    return _APART.sub("", name.lower())


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


class Change(Struct, frozen=True):
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


_FIRST_WITHOUT_A_SPLIT: Final = (3, 6)
_V2_PRESET: Final = re.compile(r"default-zero[23]|zero[23]-offload")


class Era(Struct, frozen=True):
    """The major release a command fits.

    Attributes:
        major: 2, 3 or 4.
        told_by: The names that tell it; empty for 4, which needs none.
        splits: Whether rows were split off for validation unless told otherwise; None where
            the names can't tell.
    """

    major: int
    told_by: tuple[str, ...] = ()
    splits: bool | None = False


def tell_era(
    subcommand: str,
    flags: Sequence[Flag],
    legal: Mapping[str, object],
    model_types: Collection[str],
) -> Era:
    """The release that the flags of a command belong to.

    Args:
        subcommand: `sft` and the like.
        flags: Of the command.
        legal: Arguments of the installed ms-swift, by name.
        model_types: Those of its registry.
    """
    second: list[str] = []
    third: list[tuple[tuple[int, ...], str]] = []
    for flag in flags:
        name = flag.name.replace("-", "_")
        if name == "model_type" and "-" in flag.value and flag.value not in model_types:
            second.append(f"--{flag.name} {flag.value}"[:60])
        elif name == "deepspeed" and _V2_PRESET.fullmatch(flag.value):
            second.append(f"--{flag.name} {flag.value}")
        elif name not in legal and (old := old_name(subcommand, name)) is not None:
            last = release(old.last_seen)
            if last < (3,):
                second.append(f"--{flag.name}")
            else:
                third.append((last, f"--{flag.name}"))
    if second:
        return Era(2, tuple(second), splits=True)
    if third:
        early = min(third)[0] < _FIRST_WITHOUT_A_SPLIT
        return Era(3, tuple(name for _, name in third), splits=True if early else None)
    return Era(4)


class OldDefault(Struct, frozen=True):
    """A default written out.

    Attributes:
        name: Argument of the installed ms-swift.
        value: What an absent one meant.
        now: What an absent one means today.
    """

    name: str
    value: str
    now: str


def old_defaults(
    subcommand: str, era: Era, flags: Mapping[str, Flag], *, multimodal: bool = False
) -> list[OldDefault]:
    """What has to be written so that the run stays the run it was.

    Args:
        subcommand: `sft`, `pt` or `rlhf`.
        era: The release the command is for.
        flags: By today's names.
        multimodal: Whether the model is known to take images, videos or audio.
    """
    given = set(flags)
    streams = "streaming" in flags and flags["streaming"].value.lower() == "true"
    made: list[OldDefault] = []
    if era.splits and not streams and not given & {"val_dataset", "split_dataset_ratio"}:
        made.append(OldDefault("split_dataset_ratio", "0.01", "no rows are split off"))
    if era.major == 2:  # noqa: PLR2004 - the release
        made += _of_2(subcommand, flags)
        made += _towers_of_2(subcommand, flags) if multimodal else []
    return [one for one in made if one.name not in given and one.value != one.now]


def _of_2(subcommand: str, flags: Mapping[str, Flag]) -> list[OldDefault]:
    def value(name: str, default: str) -> str:
        return flags[name].value if name in flags else default

    pretrains = subcommand == "pt"
    tuner = value("tuner_type", "full" if pretrains else "lora")
    steps = "50" if tuner == "lora" else "200"
    batch = value("per_device_train_batch_size", "1")
    made = [
        OldDefault("num_train_epochs", "1", "3"),
        OldDefault("max_length", "2048", "the model's own limit"),
        OldDefault("per_device_eval_batch_size", batch, "1"),
        OldDefault("eval_steps", "500" if pretrains else steps, "save_steps"),
        OldDefault("save_steps", steps, "500"),
        OldDefault("save_total_limit", "2", "all are kept"),
        OldDefault("warmup_ratio", "0.05", "0"),
        OldDefault("optim", "adamw_torch", "adamw_torch_fused"),
        OldDefault("ddp_timeout", "1800", "18000000"),
    ]
    if "max_steps" in flags:
        made = [one for one in made if one.name != "num_train_epochs"]
    if "warmup_steps" in flags:
        made = [one for one in made if one.name != "warmup_ratio"]
    if pretrains:
        made.append(OldDefault("tuner_type", "full", "lora"))
        made.append(OldDefault("lazy_tokenize", "true", "false for text"))
    if tuner == "full":
        made.append(OldDefault("freeze_vit", "false", "true"))
        made.append(OldDefault("freeze_aligner", "false", "true"))
    if "seed" in flags:
        made.append(OldDefault("data_seed", flags["seed"].value, "42"))
    if value("streaming", "false").lower() == "true":
        made.append(OldDefault("shuffle_buffer_size", "16384", "1000"))
    return made


def _towers_of_2(subcommand: str, flags: Mapping[str, Flag]) -> list[OldDefault]:
    """Where 2.x put LoRA: `ALL` was the whole model, and its default had the connector in it.

    From `find_all_linears` and `get_regex_for_mm_default_lora` of 2.6.1; today `all-linear` is
    the language model, and freeze_vit and freeze_aligner say whether it is more.
    """
    tuner = flags["tuner_type"].value if "tuner_type" in flags else None
    targets = flags.get("target_modules")
    if tuner == "full" or (tuner is None and subcommand == "pt"):
        return []
    everywhere = targets is not None and targets.value == "all-linear" and targets.old is not None
    if targets is not None and not everywhere:
        return []
    made = [OldDefault("freeze_aligner", "false", "true")]
    return [OldDefault("freeze_vit", "false", "true"), *made] if everywhere else made
