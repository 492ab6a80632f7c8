"""What a config, or flags in its place, say about reading rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from vlft.data.media.video import VideoReader, video_reader
from vlft.data.settings import CheckSettings, Truncation
from vlft.errors import VlftError
from vlft.models.limits import limits_from
from vlft.swift.interpreter import find_interpreter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.data.statistics import StatsSettings
    from vlft.data.tokens.rows import RowTokens, TokenModel
    from vlft.resolve.args import SwiftArgs
    from vlft.resolve.run import RunSpec


class ConfiguredData(Struct, frozen=True):
    """What a config has checked.

    Attributes:
        settings: How the trainer reads rows.
        train: As ms-swift is given them.
        val: Likewise; empty if a share, or nothing, is asked for.
    """

    settings: CheckSettings
    train: tuple[str, ...]
    val: tuple[str, ...]


# Arguments of ms-swift on which the text and the fate of a row depend.
_ROW_ARGUMENTS: Final = (
    "agent_template", "enable_thinking", "loss_scale", "new_special_tokens", "norm_bbox",
    "preserve_thinking", "rlhf_type", "system", "task_type", "template_backend",
    "use_chat_template",
)  # fmt: skip


def row_arguments(args: SwiftArgs) -> dict[str, Any]:
    """Effective arguments that decide how a row is written; unknown ones are left out."""
    found = {name: args.value(name) for name in _ROW_ARGUMENTS}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in found.items()
        if value is not None
    }


def data_of_run(run: RunSpec) -> ConfiguredData:
    """How the trainer reads the rows of a run.

    Raises:
        VlftError: If a limit is not a number.
    """
    args, facts, family = run.args, run.facts, run.family
    known = family is not None and run.model.checkpoint is not None
    root = run.variables.get("ROOT_IMAGE_DIR")
    settings = CheckSettings(
        root_image_dir=root.text or None if root is not None else None,
        video_reader=video_reader_of(run),
        family=family,
        vision=run.model.vision,
        limits=run.limits.pixels,
        tokenizer=Path(run.model.argument) if known else None,
        template=args.get("template", str) if known else None,
        task=run.task,
        swift_dir=facts.interpreter.swift_dir if facts.interpreter is not None else None,
        swift=row_arguments(args),
        max_length=run.row_length,
        truncation=_truncation(args.get("truncation_strategy", str)),
        norm_bbox=_norm_bbox(args.get("norm_bbox", str)),
        columns={key: str(new) for key, new in (args.mapping("columns") or {}).items()},
        aliases=not args.flag("disable_auto_column_mapping"),
        strict=args.flag("strict"),
        lazy=not args.is_off("lazy_tokenize"),
        zero3=run.sharding.is_zero3,
    )
    return ConfiguredData(
        settings,
        tuple(entry.argument for entry in facts.train),
        tuple(entry.argument for entry in facts.val),
    )


def video_reader_of(run: RunSpec) -> VideoReader:
    """What the trainer reads videos with."""
    packages = run.facts.interpreter.packages if run.facts.interpreter is not None else None
    texts = {name: variable.text for name, variable in run.variables.items()}
    return video_reader(run.family.swift_model_type if run.family else None, texts, packages)


def stats_of_run(
    run: RunSpec, model: TokenModel | None = None, compared: Sequence[int] = ()
) -> StatsSettings:
    """How the rows of a run are measured.

    Args:
        run: The run.
        model: Arithmetic of another model; None for the run's own.
        compared: Further pixel limits.

    Raises:
        VlftError: If nothing is known about the tokens of the model, or a limit is not a number.
    """
    from vlft.data.statistics import StatsSettings, choices  # noqa: PLC0415 - only to read rows
    from vlft.data.tokens.rows import TokenModel, find_model  # noqa: PLC0415

    if model is None and run.family is not None and run.model.vision is not None:
        model = TokenModel(run.family, run.model.vision)
    model = model or find_model(run.model.argument)
    root = run.variables.get("ROOT_IMAGE_DIR")
    return StatsSettings(
        model=model,
        tokens=row_tokens_of(run, model),
        choices=choices(model, run.limits.pixels, compared),
        max_length=run.row_length,
        cwd=Path.cwd(),
        root_image_dir=None if root is None else Path(root.text),
        video_reader=video_reader_of(run),
    )


def row_tokens_of(run: RunSpec, model: TokenModel) -> RowTokens | None:
    """What counts whole rows exactly; None without a tokenizer, or for rows not known here."""
    from vlft.data.tokens.rows import open_row_tokens  # noqa: PLC0415

    if run.model.checkpoint is None:
        return None
    template = run.args.get("template", str)
    swift = row_arguments(run.args)
    try:
        return open_row_tokens(model, Path(run.model.argument), template, run.task, swift)
    except VlftError:
        return None


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
    limits = limits_from(environ)
    if max_pixels is not None:
        limits = replace(limits, max_pixels=max_pixels)
    family, vision, folder = None, None, None
    if model is not None:
        from vlft.data.tokens.rows import find_model  # noqa: PLC0415

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
        limits=limits,
        tokenizer=folder,
        swift_dir=trainer.swift_dir if trainer is not None else None,
        max_length=max_length,
    )


_CUTTING: Final[tuple[Truncation, ...]] = ("left", "right", "split")


def _truncation(value: Any) -> Truncation:
    for name in _CUTTING:
        if value == name:
            return name
    return "raise"


def _norm_bbox(value: Any) -> Literal["norm1000", "none"] | None:
    return "norm1000" if value == "norm1000" else "none" if value == "none" else None
