"""Defaults of ms-swift 2.6 that are others today, under the same name or a new one.

From the dataclasses of 2.6.1 and 4.6.0. Between 3.6 and 4.6 none changed that changes a run;
before 3.6 one row in a hundred was split off for validation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.migrate.flags import Flag
    from vlft.migrate.versions import Era


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


def old_defaults(subcommand: str, era: Era, flags: Mapping[str, Flag]) -> list[OldDefault]:
    """What has to be written so that the run stays the run it was.

    Args:
        subcommand: `sft`, `pt` or `rlhf`.
        era: The release the command is for.
        flags: By today's names.
    """
    given = set(flags)
    streams = "streaming" in flags and flags["streaming"].value.lower() == "true"
    made: list[OldDefault] = []
    if era.splits and not streams and not given & {"val_dataset", "split_dataset_ratio"}:
        made.append(OldDefault("split_dataset_ratio", "0.01", "no rows are split off"))
    if era.major == 2:  # noqa: PLR2004 - the release
        made += _of_2(subcommand, flags)
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
    if value("streaming", "false").lower() == "true":
        made.append(OldDefault("shuffle_buffer_size", "16384", "1000"))
    return made
