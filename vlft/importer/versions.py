"""Defaults of ms-swift 2.6 that are others today, under the same name or a new one.

From the dataclasses of 2.6.1 and 4.6.0. Between 3.6 and 4.6 none changed that changes a run;
before 3.6 one row in a hundred was split off for validation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vlft.swift.probe import old_name
from vlft.swift.versions import release

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from vlft.importer.flags import Flag

_FIRST_WITHOUT_A_SPLIT: Final = (3, 6)
_V2_PRESET: Final = re.compile(r"default-zero[23]|zero[23]-offload")


@dataclass(frozen=True, slots=True)
class Era:
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


@dataclass(frozen=True, slots=True)
class OldDefault:
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
