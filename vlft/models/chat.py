"""How a template of ms-swift writes a conversation down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class ChatTemplate:
    """One entry of ms-swift's registry of templates, as far as lengths depend on it.

    Attributes:
        name: As `--template` takes it.
        default_system: System prompt of rows that have none; None if there is none.
        auto_bos: Whether what the tokenizer puts around a text by itself goes around a row.
        stop_words: An answer that ends with one gets no suffix; the tokenizer's end of
            sequence is one as well.
        video_inside: Whether a video's prompt is tokenised together with the text around it.
        boxes: Form of boxes and references in a text.
        box_scale: norm1000: boxes in thousandths of the picture. resized: in pixels of the
            resized picture.
        system_prefix: What a system prompt becomes; {} is the prompt.
        prompt: What a question becomes.
        separator: After an answer that is not the last one; None if only the last round counts.
        suffix: After the last answer; None for the tokenizer's end of sequence.
        agent: Agent template for rows with tools; None if ms-swift takes none without
            `--agent_template`.
    """

    name: str
    default_system: str | None = None
    auto_bos: bool = True
    stop_words: tuple[str, ...] = ("<|im_end|>",)
    video_inside: bool = False
    boxes: Literal["qwen", "internvl"] = "qwen"
    box_scale: Literal["norm1000", "resized"] = "norm1000"
    system_prefix: tuple[str, str] = ("<|im_start|>system\n", "<|im_end|>\n")
    prompt: tuple[str, str] = ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n")
    separator: str | None = "<|im_end|>\n"
    suffix: str | None = "<|im_end|>\n"
    agent: str | None = None

    def without_chat(self) -> ChatTemplate:
        """The same for `use_chat_template: false`, which is how `swift pt` trains."""
        return replace(
            self,
            default_system=None,
            auto_bos=True,
            stop_words=self.stop_words[1:],
            system_prefix=("", ""),
            prompt=("", ""),
            separator=None,
            suffix=None,
            agent=None,
        )

    @property
    def has_system(self) -> bool:
        """Whether a system prompt is written down at all."""
        return bool(self.system_prefix[0])
