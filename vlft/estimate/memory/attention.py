"""softmax(QKᵀ)V by the kernel that computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.estimate.memory import ops

if TYPE_CHECKING:
    from vlft.estimate.memory.modules import Net
    from vlft.estimate.memory.tape import Tensor


@dataclass(frozen=True, slots=True)
class Spans:
    """What attends to what.

    Attributes:
        tokens: Of all sequences.
        pairs: Sum over the sequences of their length squared.
        lengths: Of the sequences, where they are taken one after the other.
        mask: A mask that is added to the scores, if there is one.
        joined: Whether the outputs of several sequences are joined by a copy.
    """

    tokens: int
    pairs: int
    mask: Tensor | None = None
    lengths: tuple[int, ...] = ()
    joined: bool = False


def attend(net: Net, query: Tensor, key: Tensor, value: Tensor, heads: int, spans: Spans) -> Tensor:
    """The output, as wide as the queries.

    Args:
        net: Of the layer.
        query: Rows × tokens × heads × head_dim.
        key: As many heads or fewer.
        value: As the keys.
        heads: Of the queries.
        spans: What attends to what.
    """
    if net.attention != "eager":
        output = _fused(net, query, key, value, heads, spans)
        joined = spans.joined and net.attention == "sdpa"
        return ops.cat(net.tape, output) if joined else output
    if len(spans.lengths) <= 1:
        output = _eager(net, query, key, value, heads * spans.pairs, spans.mask)
        return ops.cat(net.tape, output) if spans.joined else output
    sizes = [query.count // spans.tokens * length for length in spans.lengths]
    queries, keys, values = (ops.unbound(net.tape, x, sizes) for x in (query, key, value))
    outputs = [
        _eager(net, queries[index], keys[index], values[index], heads * length**2, spans.mask)
        for index, length in enumerate(spans.lengths)
    ]
    return ops.cat(net.tape, *outputs)


def _fused(net: Net, query: Tensor, key: Tensor, value: Tensor, heads: int, spans: Spans) -> Tensor:
    tape, groups = net.tape, query.count // key.count
    bias = None
    if net.attention == "sdpa" and spans.mask is not None:
        key, value = ops.repeated(tape, key, groups), ops.repeated(tape, value, groups)
        bias = tape.new(spans.pairs, 2)
    return ops.fused_attention(tape, query, key, value, spans.tokens * heads, bias)


def _eager(
    net: Net, query: Tensor, key: Tensor, value: Tensor, scores: int, mask: Tensor | None
) -> Tensor:
    """Scores in bfloat16, their softmax in float32, and both kept."""
    tape, groups = net.tape, query.count // key.count
    keys, values = ops.repeated(tape, key, groups), ops.repeated(tape, value, groups)
    weights = ops.unary(tape, ops.bmm(tape, query, keys, scores))
    if mask is not None:
        weights = ops.cloned(tape, weights)
    weights = ops.cast(tape, ops.softmax(tape, ops.cast(tape, weights, 4)), 2)
    output = ops.bmm(tape, weights, values, query.count)
    return ops.cloned(tape, output)
