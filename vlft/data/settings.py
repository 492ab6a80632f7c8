"""What a run decides about the fate of rows: model, limits, and where files are looked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from vlft.models.agents import AgentTemplate, agent_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.data.media.video import VideoReader
    from vlft.models import Family, PixelLimits, Vision
    from vlft.models.chat import ChatTemplate

SEVERAL_TEXTS = frozenset({"embedding", "reranker", "generative_reranker"})
"""Values of task_type whose rows are several texts."""

Truncation = Literal["raise", "left", "right", "split"]
"""ms-swift's `delete` is `raise` to its template."""


class CheckSettings(msgspec.Struct, frozen=True):
    """How the trainer will read the rows.

    Attributes:
        cwd: Its working directory: relative paths start here.
        root_image_dir: Its ROOT_IMAGE_DIR.
        video_reader: What it reads videos with.
        family: The model's; None if it is not known.
        vision: How the family makes tokens of pictures, with the checkpoint's own settings.
        limits: On pixels; None means the defaults.
        tokenizer: Folder of the checkpoint, for exact counts of text tokens; None without.
        template: ms-swift's chat template; None for the family's own.
        task: sft, pt or rlhf.
        swift_dir: Folder of its package `swift`; None if that is not installed.
        swift: Other arguments of ms-swift, by name.
        max_length: Tokens a row may have; None if there is no limit.
        truncation: What becomes of longer rows.
        norm_bbox: Whether boxes are written in thousandths or in pixels of the resized
            picture; None for the family's own way.
        columns: `--columns`.
        aliases: Whether columns are known by their aliases.
        strict: Whether ms-swift stops at the first bad row.
        lazy: Whether rows are encoded while training (and bad ones replaced) or before it (and
            bad ones dropped).
        zero3: Whether DeepSpeed ZeRO-3 shares the model out.
        fetch: Whether to fetch URLs.
        allow_private: Whether to fetch from addresses that are not public.
    """

    cwd: Path = msgspec.field(default_factory=Path.cwd)
    root_image_dir: str | None = None
    video_reader: VideoReader = "decord"
    family: Family | None = None
    vision: Vision | None = None
    limits: PixelLimits | None = None
    tokenizer: Path | None = None
    template: str | None = None
    task: str = "sft"
    swift_dir: str | None = None
    swift: Mapping[str, Any] = msgspec.field(default_factory=dict)
    max_length: int | None = None
    truncation: Truncation = "raise"
    norm_bbox: Literal["norm1000", "none"] | None = None
    columns: Mapping[str, str] = msgspec.field(default_factory=dict)
    aliases: bool = True
    strict: bool = False
    lazy: bool = True
    zero3: bool = False
    fetch: bool = False
    allow_private: bool = False


def chat_template(settings: CheckSettings) -> ChatTemplate | None:
    """The model's chat template, as the run has it; None if it is not known."""
    if settings.family is None:
        return None
    found = settings.family.template_named(settings.template)
    chat = settings.swift.get("use_chat_template", settings.task != "pt")
    return found if found is None or chat else found.without_chat()


def agent_of(settings: CheckSettings) -> AgentTemplate | None:
    """What writes tools down; None if there is none, or one that is not known here."""
    template, named = chat_template(settings), settings.swift.get("agent_template")
    if template is None:
        return None
    return agent_named(str(named) if named else template.agent, settings.swift_dir)


def learns_all(settings: CheckSettings) -> bool:
    """Whether questions are learnt like answers: `loss_scale: all`, as in `swift pt`."""
    told = settings.swift.get("loss_scale")
    return settings.task == "pt" if told is None else str(told).startswith("all")
