"""How far attention reaches in a run, and how many logits it computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.plan.memory.attend import Spans

if TYPE_CHECKING:
    from vlft.plan.memory.net import Net
    from vlft.plan.memory.run import RunShape

_WINDOW = 8
"""Patches of a side of Qwen2.5-VL's windows: 112 pixels."""


def kept_logits(run: RunShape) -> int:
    """Tokens whose logits are computed; under sequence parallelism a GPU's share of all."""
    if run.logits is None or run.sequence_parallel > 1:
        return run.rows * run.tokens // run.sequence_parallel
    return run.logits


def text_spans(net: Net, run: RunShape) -> Spans:
    """Rows attend to themselves; eager always adds a mask, sdpa where rows are padded.

    Under sequence parallelism a GPU has all tokens of some heads: as much as some of all.
    """
    tokens = run.rows * run.tokens // run.sequence_parallel
    pairs = run.rows * run.tokens**2 // run.sequence_parallel
    mask = None
    if net.attention == "eager":
        mask = net.tape.new(pairs if run.padded else run.tokens**2, 2)
    elif net.attention == "sdpa" and run.padded:
        mask = net.tape.new(pairs, 1)
    return Spans(tokens, pairs, mask)


def vision_spans(run: RunShape, *, together: bool) -> Spans:
    """Each picture attends to itself; the tiles of InternVL do so in one call."""
    pairs = sum(picture.patches**2 for picture in run.pictures)
    lengths = () if together else tuple(picture.patches for picture in run.pictures)
    return Spans(run.patches, pairs, lengths=lengths, joined=not together)


def window_spans(run: RunShape) -> Spans:
    """Windows of 8 × 8 patches, the last of a row or column cut off."""
    pairs = sum(_squares(picture.height) * _squares(picture.width) for picture in run.pictures)
    return Spans(run.patches, pairs, joined=True)


def _squares(side: int) -> int:
    """Sum of the squared sides of the windows along one side."""
    return side // _WINDOW * _WINDOW**2 + (side % _WINDOW) ** 2
