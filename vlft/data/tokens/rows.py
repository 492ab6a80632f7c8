"""How many tokens whole rows come to: exactly what ms-swift compares with `max_length`.

ms-swift counts a row after its images have become placeholders, and a row of exactly
`max_length` still fits (swift/template/base.py: _encode_truncated).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from vlft.data.settings import SEVERAL_TEXTS, CheckSettings
from vlft.data.tokens.render import CountedRow, LossStrategy, Renderer
from vlft.data.tokens.tokenizer import Encoder, end_of_sequence, tokenizer_document
from vlft.errors import UsageError, VlftError
from vlft.models import FAMILIES, Family, VideoTokens, Vision, family_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.models.chat import ChatTemplate
    from vlft.probe.checkpoint import Checkpoint

_SURROGATE = re.compile("[\ud800-\udfff]")


class RowTokens:
    """Counts rows of one model.

    Args:
        encoder: Its tokenizer.
        template: Its chat template.
        vision: Its arithmetic of pictures.
        end: Its tokenizer's end of sequence.
        loss: `--loss_scale`.
    """

    def __init__(
        self,
        encoder: Encoder,
        template: ChatTemplate,
        vision: Vision,
        end: str,
        loss: LossStrategy = "default",
    ) -> None:
        self.template = template
        self._encoder = encoder
        before, after = encoder.around if template.auto_bos else (0, 0)
        self._renderer = Renderer(template, vision.image_prompt, end, loss, suffix=not after)
        self._around = before + after

    def count(self, row: CountedRow) -> int | None:
        """Tokens of a row; None for one that can't be told, or that ms-swift fails on.

        Rows with other roles can't be told. A row of 0 tokens fails.
        """
        return self.count_many((row,))[0]

    def count_many(self, rows: Sequence[CountedRow]) -> list[int | None]:
        """The same for many: several times as fast a row."""
        written = [self._renderer.pieces(row) for row in rows]
        written = [None if one is not None and _broken(one[0]) else one for one in written]
        texts = [text for one in written if one is not None for text in one[0]]
        counts = iter(self._encoder.count(texts))
        return [
            None if one is None else one[1] + self._around + sum(next(counts) for _ in one[0])
            for one in written
        ]


def around_videos(videos: Sequence[VideoTokens]) -> int:
    """Tokens of what stands around the frames of videos, at most."""
    texts = (part for video in videos for part in video.parts if not isinstance(part, int))
    return sum(len(text.encode()) for text in texts)


def _broken(texts: Sequence[str]) -> bool:
    """Whether there is half a surrogate pair in it: no tokenizer takes that."""
    return any(not text.isascii() and _SURROGATE.search(text) for text in texts)


class TokenModel(Struct, frozen=True):
    """A model as far as pictures go.

    Attributes:
        family: Its family.
        vision: The family's arithmetic, with what the checkpoint says.
    """

    family: Family
    vision: Vision


def find_model(name: str) -> TokenModel:
    """The model that a user means.

    Args:
        name: A folder with a config.json, a family (`qwen2_vl`), or a hub id that ms-swift
            knows.

    Raises:
        VlftError: If there is none, or no arithmetic is known for it.
    """
    family = family_of(name)
    if family is not None and not Path(name).is_dir():
        return _with_vision(family, name, None)
    if Path(name).exists():
        from vlft.probe.checkpoint import read_checkpoint  # noqa: PLC0415 - not for every model

        checkpoint = read_checkpoint(name)
        return _with_vision(family_of(checkpoint.model_type), name, checkpoint)
    return _with_vision(family_of(_registered(name)), name, None)


def _with_vision(family: Family | None, name: str, checkpoint: Checkpoint | None) -> TokenModel:
    """A family's arithmetic for one checkpoint."""
    vision = None if family is None else family.vision
    if family is not None and vision is not None:
        if checkpoint is not None:
            vision = vision.of_checkpoint({**checkpoint.config, **checkpoint.preprocessor})
        return TokenModel(family, vision)
    known = ", ".join(family.swift_model_type for family in FAMILIES)
    kind = f" (model_type {checkpoint.model_type!r})" if checkpoint else ""
    raise UsageError(
        f"nothing is known about the tokens of `{name}`{kind}",
        f"name a model folder, a hub id, or one of the families {known}",
    )


def _registered(name: str) -> str | None:
    """The model_type that ms-swift finds for a hub id; None for one that it does not know."""
    from vlft.swift.probe import read_swift  # noqa: PLC0415 - a dump of a megabyte

    guessed = read_swift(None).guess_model_types(name, ())
    return guessed[0] if len(guessed) == 1 else None


# `--loss_scale` where it is not given. Rows of rlhf are two conversations each.
_LOSS: Mapping[str, LossStrategy] = {"sft": "default", "pt": "all"}
_STRATEGIES: tuple[LossStrategy, ...] = ("default", "last_round", "all")


def open_row_tokens(
    model: TokenModel,
    folder: Path,
    template: str | None,
    task: str = "sft",
    swift: Mapping[str, Any] | None = None,
) -> RowTokens:
    """What counts the rows of a model.

    Args:
        model: Family and arithmetic of the model.
        folder: Its folder.
        template: ms-swift's template for it; None for the family's own.
        task: sft or pt.
        swift: Arguments of ms-swift by their name; those that are absent have their default.

    Raises:
        VlftError: Why the tokens of its rows can't be told.
    """
    chat = model.family.template_named(template)
    if chat is None:
        raise VlftError(f"the template {template!r} is not known")
    given = {name: value for name, value in (swift or {}).items() if value is not None}
    chat, loss = _as_told(chat, task, given)
    encoder = Encoder(tokenizer_document(folder), str(folder / "tokenizer.json"))
    return RowTokens(encoder, chat, model.vision, end_of_sequence(folder), loss)


def _as_told(
    chat: ChatTemplate, task: str, swift: Mapping[str, Any]
) -> tuple[ChatTemplate, LossStrategy]:
    """The template with what the arguments change, and the strategy of the loss.

    Raises:
        VlftError: If an argument changes rows in a way that is not known here.
    """
    if task not in _LOSS:
        raise VlftError(f"rows of task {task} are not known")
    told = swift.get("loss_scale", _LOSS[task])
    loss = next((one for one in _STRATEGIES if one == str(told)), None)
    if loss is None:
        raise VlftError(f"rows under loss_scale {told!r} are not known")
    for name, plain in (
        ("template_backend", "swift"),
        ("task_type", "causal_lm"),
        ("new_special_tokens", []),
        ("preserve_thinking", True),
    ):
        if swift.get(name, plain) != plain:
            raise VlftError(f"rows under {name} {swift[name]!r} are not known")
    if swift.get("enable_thinking") and loss == "last_round":
        raise VlftError("rows with enable_thinking and loss_scale last_round are not known")
    if (scale := swift.get("norm_bbox")) is not None:
        chat = replace(chat, box_scale="norm1000" if scale == "norm1000" else "resized")
    if not swift.get("use_chat_template", task != "pt"):
        return chat.without_chat(), loss
    system = swift.get("system")
    if system is None:
        return chat, loss
    if str(system).endswith(".txt"):
        raise VlftError(f"the system prompt is in a file, `{system}`, which is not read here")
    return replace(chat, default_system=str(system)), loss


def open_counter(settings: CheckSettings) -> RowTokens | None:
    """What counts the rows of the run's model; None where they can't be told."""
    family, folder = settings.family, settings.tokenizer
    vision = settings.vision or (family.vision if family else None)
    if family is None or folder is None or vision is None:
        return None
    swift = dict(settings.swift)
    if swift.get("task_type") in SEVERAL_TEXTS:  # each of them is written as any other
        del swift["task_type"]
    task, model = settings.task, TokenModel(family, vision)
    if task == "rlhf":  # each of its two conversations counts for itself
        task, swift = "sft", {"loss_scale": "last_round", **swift}
    try:
        return open_row_tokens(model, folder, settings.template, task, swift)
    except (VlftError, ImportError, OSError):
        return None
