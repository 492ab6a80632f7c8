"""What counts the rows of a model: from its folder, hub id or family, and the arguments."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.data.settings import SEVERAL_TEXTS
from vlft.data.tokens.encoder import WORDS, Encoder
from vlft.data.tokens.rows import RowTokens
from vlft.errors import UsageError, VlftError
from vlft.files import load_json
from vlft.models import FAMILIES, Family, family_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.data.settings import CheckSettings
    from vlft.data.tokens.render import LossStrategy
    from vlft.models import Vision
    from vlft.models.chat import ChatTemplate
    from vlft.probe.checkpoint import Checkpoint


@dataclass(frozen=True)
class TokenModel:
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


def of_checkpoint(family: Family, checkpoint: Checkpoint | None) -> TokenModel | None:
    """A family's arithmetic for one checkpoint; None if the family has none."""
    if family.vision is None:
        return None
    if checkpoint is None:
        return TokenModel(family, family.vision)
    settings = {**checkpoint.config, **checkpoint.preprocessor}
    return TokenModel(family, family.vision.of_checkpoint(settings))


def _with_vision(family: Family | None, name: str, checkpoint: Checkpoint | None) -> TokenModel:
    model = of_checkpoint(family, checkpoint) if family else None
    if model is not None:
        return model
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


_OLD_FILES = ("vocab.json", "merges.txt", "tokenizer_config.json")
_QWEN = ("Qwen2Tokenizer", "Qwen2TokenizerFast")


def tokenizer_document(folder: Path) -> bytes:
    """The content of tokenizer.json, or what it would be.

    Releases of InternVL have only the older files; transformers builds Qwen's tokenizer from
    them, and so does this.

    Raises:
        VlftError: If there is neither.
    """
    file = folder / "tokenizer.json"
    if file.is_file():
        return file.read_bytes()
    if not all((folder / name).is_file() for name in _OLD_FILES):
        raise VlftError(f"`{folder}` has no tokenizer.json", "download it with the model")
    config = load_json(folder / "tokenizer_config.json")
    kind = config.get("tokenizer_class")
    if kind not in _QWEN:
        raise VlftError(f"`{folder}` has no tokenizer.json, and its tokenizer is a {kind}")
    return _built(folder, config)


def end_of_sequence(folder: Path) -> str:
    """The eos_token of tokenizer_config.json.

    Raises:
        VlftError: If there is none.
    """
    file = folder / "tokenizer_config.json"
    value = load_json(file).get("eos_token") if file.is_file() else None
    if isinstance(value, dict):
        value = value.get("content")
    if not isinstance(value, str) or not value:
        raise VlftError(f"tokenizer_config.json in `{folder}` names no eos_token")
    return value


def _built(folder: Path, config: dict[str, Any]) -> bytes:
    vocabulary = load_json(folder / "vocab.json")
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    merges = [line for line in lines if line and not line.startswith("#version")]
    added = config.get("added_tokens_decoder") or {}
    model = {"type": "BPE", "vocab": vocabulary, "merges": merges}
    split = {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Isolated", "invert": False}
    to_bytes = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": False,
        "use_regex": False,
    }
    document = {
        "version": "1.0",
        "added_tokens": [{"id": int(number), **token} for number, token in added.items()],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, to_bytes]},
        "post_processor": None,
        "decoder": None,
        "model": {
            **model,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
        },
    }
    return json.dumps(document).encode()


# `--loss_scale` where it is not given. Rows of rlhf are two conversations each.
_LOSS: Mapping[str, LossStrategy] = {"sft": "default", "pt": "all"}
_STRATEGIES: Mapping[str, LossStrategy] = {
    "default": "default",
    "last_round": "last_round",
    "all": "all",
}


@dataclass(frozen=True)
class ChatSettings:
    """Arguments of `swift sft` and `swift pt` on which the length of a row depends.

    Attributes:
        task: sft or pt.
        swift: Arguments by their name; those that are absent have their default.
    """

    task: str = "sft"
    swift: Mapping[str, Any] | None = None

    def get(self, name: str, default: object = None) -> Any:
        """An argument, or its default."""
        value = (self.swift or {}).get(name)
        return default if value is None else value


def open_row_tokens(
    model: TokenModel, folder: Path, template: str | None, settings: ChatSettings
) -> RowTokens:
    """What counts the rows of a model.

    Args:
        model: Family and arithmetic of the model.
        folder: Its folder.
        template: ms-swift's template for it; None for the family's own.
        settings: What else the trainer is told.

    Raises:
        VlftError: Why the tokens of its rows can't be told.
    """
    chat = model.family.template_named(template)
    if chat is None:
        raise VlftError(f"the template {template!r} is not known")
    chat, loss = _as_told(chat, settings)
    encoder = Encoder(tokenizer_document(folder), str(folder / "tokenizer.json"))
    return RowTokens(encoder, chat, model.vision, end_of_sequence(folder), loss)


def _as_told(chat: ChatTemplate, settings: ChatSettings) -> tuple[ChatTemplate, LossStrategy]:
    """The template with what the arguments change, and the strategy of the loss.

    Raises:
        VlftError: If an argument changes rows in a way that is not known here.
    """
    if settings.task not in _LOSS:
        raise VlftError(f"rows of task {settings.task} are not known")
    told = settings.get("loss_scale", _LOSS[settings.task])
    loss = _STRATEGIES.get(str(told))
    if loss is None:
        raise VlftError(f"rows under loss_scale {told!r} are not known")
    for name, plain in (
        ("template_backend", "swift"),
        ("task_type", "causal_lm"),
        ("new_special_tokens", []),
        ("preserve_thinking", True),
    ):
        if settings.get(name, plain) != plain:
            raise VlftError(f"rows under {name} {settings.get(name)!r} are not known")
    if settings.get("enable_thinking", False) and loss == "last_round":
        raise VlftError("rows with enable_thinking and loss_scale last_round are not known")
    if (scale := settings.get("norm_bbox")) is not None:
        chat = replace(chat, box_scale="norm1000" if scale == "norm1000" else "resized")
    if not settings.get("use_chat_template", settings.task != "pt"):
        return chat.without_chat(), loss
    system = settings.get("system")
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
    chat = ChatSettings(settings.task, swift)
    if settings.task == "rlhf":  # each of its two conversations counts for itself
        chat = ChatSettings("sft", {"loss_scale": "last_round", **swift})
    try:
        return open_row_tokens(TokenModel(family, vision), folder, settings.template, chat)
    except (VlftError, ImportError, OSError):
        return None
