"""How many tokens whole rows come to: exactly what ms-swift compares with `max_length`.

ms-swift counts a row after its images have become placeholders, and a row of exactly
`max_length` still fits (swift/template/base.py: _encode_truncated).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vlft.data.tokens.render import LossStrategy, Renderer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.data.tokens.encoder import Encoder
    from vlft.data.tokens.render import CountedRow
    from vlft.models import VideoTokens, Vision
    from vlft.models.chat import ChatTemplate

_MOST_BYTES = 3
"""What normalisation makes of a byte outside ASCII at most; a token is a byte or more."""


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
        self._fixed, self._per_turn, self._per_image = self._overheads(vision)

    def bound(
        self,
        ascii_bytes: int,
        other_bytes: int,
        *,
        turns: int,
        placeholders: int = 0,
        images: int = 0,
        videos: int = 0,
    ) -> int:
        """At least as many tokens as the row has; no tokenizer is asked.

        Args:
            ascii_bytes: Bytes of the messages' texts that are ASCII.
            other_bytes: The other bytes of their UTF-8.
            turns: Messages.
            placeholders: Of all images.
            images: How many they are.
            videos: Their tokens, with their `around_videos`.
        """
        text = ascii_bytes + _MOST_BYTES * other_bytes
        media = placeholders + images * self._per_image + videos
        return self._fixed + turns * self._per_turn + text + media

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

    def _overheads(self, vision: Vision) -> tuple[int, int, int]:
        """Most tokens of what a row, a message and an image bring along.

        Each text ends with a special token or a new line: what is joined with the text after
        it is that one token at most.
        """
        template = self.template
        system = (template.default_system or "").join(template.system_prefix)
        ends = (template.suffix or "", template.separator or "")
        parts = (*template.prompt, *ends, *vision.image_prompt, system)
        length = dict(zip(parts, self._encoder.count(parts), strict=True))
        turn = sum(length[part] for part in template.prompt) + max(length[end] for end in ends)
        image = sum(length[part] for part in vision.image_prompt)
        # One question more where the first message is an answer.
        return self._around + length[system] + turn + 1, turn, image


def around_videos(videos: Sequence[VideoTokens]) -> int:
    """Tokens of what stands around the frames of videos, at most."""
    texts = (part for video in videos for part in video.parts if not isinstance(part, int))
    return sum(len(text.encode()) for text in texts)


def _broken(texts: Sequence[str]) -> bool:
    """Whether there is half a surrogate pair in it: no tokenizer takes that."""
    return any(not text.isascii() and _SURROGATE.search(text) for text in texts)


_SURROGATE = re.compile("[\ud800-\udfff]")
