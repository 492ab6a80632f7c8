"""What a config, or flags in its place, say about reading rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from vlft.data.media.video_readers import VideoReader, video_reader
from vlft.data.settings import CheckSettings, Truncation
from vlft.models.limits import limits_from
from vlft.swift.interpreter import find_interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.reader import LoadedConfig
    from vlft.models import Family
    from vlft.probe.collect import Facts


@dataclass(frozen=True)
class ConfiguredData:
    """What a config has checked.

    Attributes:
        settings: How the trainer reads rows.
        train: As ms-swift is given them.
        val: Likewise; empty if a share, or nothing, is asked for.
    """

    settings: CheckSettings
    train: tuple[str, ...]
    val: tuple[str, ...]


def data_of_config(
    loaded: LoadedConfig, facts: Facts, family: Family | None, variables: Mapping[str, str]
) -> ConfiguredData:
    """What a config says.

    Args:
        loaded: The config.
        facts: What was read for it.
        family: The model's.
        variables: Environment of the trainer, as far as it counts.

    Raises:
        VlftError: If a limit is no number.
    """
    swift = loaded.config.swift
    vision, folder, template = family.vision if family else None, None, None
    checkpoint = facts.model.checkpoint
    if family is not None and checkpoint is not None:
        from vlft.data.tokens.model import of_checkpoint  # noqa: PLC0415

        model = of_checkpoint(family, checkpoint)
        vision = model.vision if model else None
        folder = Path(facts.model.argument)
        template = swift.get("template")
    rescale = swift.get("max_pixels")
    stage = facts.deepspeed.stage if facts.deepspeed is not None else None
    settings = CheckSettings(
        root_image_dir=variables.get("ROOT_IMAGE_DIR") or None,
        video_reader=reader_of_run(loaded, facts, family),
        family=family,
        vision=vision,
        limits=limits_from(variables, rescale if isinstance(rescale, int) else None),
        tokenizer=folder,
        template=template if isinstance(template, str) else None,
        task=loaded.config.task,
        swift_dir=facts.interpreter.swift_dir if facts.interpreter is not None else None,
        swift=swift,
        max_length=loaded.config.data.max_length or _most_of_model(facts, swift),
        truncation=_truncation(swift.get("truncation_strategy")),
        norm_bbox=_norm_bbox(swift.get("norm_bbox")),
        columns=_mapping(swift.get("columns")),
        aliases=swift.get("disable_auto_column_mapping") is not True,
        strict=swift.get("strict") is True,
        lazy=_is_lazy(swift),
        zero3=stage == 3,  # noqa: PLR2004 - ZeRO's third stage
    )
    return ConfiguredData(
        settings,
        tuple(entry.argument for entry in facts.train),
        tuple(entry.argument for entry in facts.val),
    )


def reader_of_run(loaded: LoadedConfig, facts: Facts, family: Family | None) -> VideoReader:
    """What the trainer reads videos with.

    Args:
        loaded: The config.
        facts: What was read for it.
        family: Of its model.
    """
    packages = facts.interpreter.packages if facts.interpreter is not None else None
    given = {name: str(value) for name, value in loaded.config.env.items() if value is not None}
    variables = {**facts.environ, **given}
    return video_reader(family.swift_model_type if family else None, variables, packages)


def settings_of_flags(
    model: str | None,
    max_length: int | None,
    max_pixels: int | None,
    environ: Mapping[str, str],
) -> CheckSettings:
    """The same from flags.

    Raises:
        UsageError: If the model is none that is known.
    """
    limits_of = dict(environ)
    if max_pixels is not None:
        limits_of["MAX_PIXELS"] = str(max_pixels)
    family, vision, folder = None, None, None
    if model is not None:
        from vlft.data.tokens.model import find_model  # noqa: PLC0415

        found = find_model(model)
        family, vision = found.family, found.vision
        folder = Path(model) if Path(model).is_dir() else None
    trainer = find_interpreter(None, environ=environ)
    packages = trainer.packages if trainer is not None else None
    return CheckSettings(
        root_image_dir=environ.get("ROOT_IMAGE_DIR") or None,
        video_reader=video_reader(family.swift_model_type if family else None, environ, packages),
        family=family,
        vision=vision,
        limits=limits_from(limits_of),
        tokenizer=folder,
        swift_dir=trainer.swift_dir if trainer is not None else None,
        max_length=max_length,
    )


_EAGER: Final = ("packing", "group_by_length", "streaming", "cached_dataset")


def _is_lazy(swift: Mapping[str, Any]) -> bool:
    """Whether rows are encoded while training (BaseArguments._init_lazy_tokenize)."""
    told = swift.get("lazy_tokenize")
    return told if isinstance(told, bool) else not any(swift.get(name) for name in _EAGER)


_LENGTHS: Final = ("seq_length", "max_position_embeddings", "model_max_length", "max_seq_len")


def _most_of_model(facts: Facts, swift: Mapping[str, Any]) -> int | None:
    """Tokens that the model takes, which is ms-swift's max_length where none is given.

    Source: swift/utils/hf_config.py: get_max_model_len.
    """
    told = swift.get("max_model_len")
    if isinstance(told, int) and not isinstance(told, bool):
        return told
    config = facts.model.checkpoint.config if facts.model.checkpoint is not None else {}
    parts = [config.get(name) for name in ("text_config", "llm_config")]
    found = [
        part[name]
        for part in (config, *parts)
        if isinstance(part, dict)
        for name in _LENGTHS
        if isinstance(part.get(name), int)
    ]
    return min(found) if found else None


_CUTTING: Final[tuple[Truncation, ...]] = ("left", "right", "split")


def _truncation(value: Any) -> Truncation:
    for name in _CUTTING:
        if value == name:
            return name
    return "raise"


def _norm_bbox(value: Any) -> Literal["norm1000", "none"] | None:
    return "norm1000" if value == "norm1000" else "none" if value == "none" else None


def _mapping(value: Any) -> dict[str, str]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return {str(key): str(new) for key, new in value.items()} if isinstance(value, dict) else {}
