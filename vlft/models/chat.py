"""How a template of ms-swift writes a conversation down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Sequence


class BoxFormat(Struct, frozen=True):
    """How references and boxes are written into a text; each pair is what goes around one.

    Attributes:
        reference: Around a reference.
        box: Around a box.
        corners: Whether a box is `(x1,y1),(x2,y2)`; else it is a list of numbers.
        variable: Whether QWENVL_BBOX_FORMAT may ask for neither pair.
    """

    reference: tuple[str, str]
    box: tuple[str, str]
    corners: bool = False
    variable: bool = False

    def texts(
        self, refs: Sequence[str], boxes: Sequence[Sequence[Any]], *, legacy: bool
    ) -> tuple[list[str], list[str]]:
        """The texts of references and of boxes.

        Args:
            refs: References.
            boxes: Boxes, on the template's scale.
            legacy: Whether QWENVL_BBOX_FORMAT is unset or `legacy`.
        """
        if self.variable and not legacy:
            return list(refs), [str(box) for box in boxes]
        write = _corners if self.corners else str
        return (
            [f"{self.reference[0]}{ref}{self.reference[1]}" for ref in refs],
            [f"{self.box[0]}{write(box)}{self.box[1]}" for box in boxes],
        )


def _corners(box: Sequence[Any]) -> str:
    pairs = zip(box[::2], box[1::2], strict=False)
    return ",".join(f"({x},{y})" for x, y in pairs)


QWEN_BOXES = BoxFormat(
    ("<|object_ref_start|>", "<|object_ref_end|>"),
    ("<|box_start|>", "<|box_end|>"),
    corners=True,
    variable=True,
)
INTERNVL_BOXES = BoxFormat(("<ref>", "</ref>"), ("<box>[", "]</box>"))


class ChatTemplate(Struct, frozen=True):
    """One entry of ms-swift's registry of templates, as far as lengths depend on it.

    Attributes:
        name: As `--template` takes it.
        default_system: System prompt of rows that have none; None if there is none.
        auto_bos: Whether what the tokenizer puts around a text by itself goes around a row.
        stop_words: An answer that ends with one gets no suffix; the tokenizer's end of
            sequence is one as well.
        video_inside: Whether a video's prompt is tokenized together with the text around it.
        boxes: How boxes and references are written into a text.
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
    boxes: BoxFormat = QWEN_BOXES
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
