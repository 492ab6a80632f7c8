"""torch's operators by sizes: what each makes, what it keeps, and what its backward makes.

Widths are in bytes an element: 2 for bfloat16, 4 for float32, 1 for a mask.
"""

from vlft.plan.memory.ops.elementwise import (
    add,
    cast,
    dropout,
    fused_gate,
    like,
    mul,
    reduce,
    rsqrt,
    sigmoid,
    softmax,
    spread_add,
    unary,
)
from vlft.plan.memory.ops.kernels import cross_entropy, fused_attention, fused_head
from vlft.plan.memory.ops.norms import fused_layer_norm, fused_norm, layer_norm
from vlft.plan.memory.ops.places import (
    cat,
    cloned,
    contiguous_gradient,
    copied,
    gather,
    halves,
    put,
    repeated,
    scatter,
    sliced,
    unbound,
    view,
)
from vlft.plan.memory.ops.products import bmm, embedding, matmul, patches, quantized

__all__ = [
    "add",
    "bmm",
    "cast",
    "cat",
    "cloned",
    "contiguous_gradient",
    "copied",
    "cross_entropy",
    "dropout",
    "embedding",
    "fused_attention",
    "fused_gate",
    "fused_head",
    "fused_layer_norm",
    "fused_norm",
    "gather",
    "halves",
    "layer_norm",
    "like",
    "matmul",
    "mul",
    "patches",
    "put",
    "quantized",
    "reduce",
    "repeated",
    "rsqrt",
    "scatter",
    "sigmoid",
    "sliced",
    "softmax",
    "spread_add",
    "unary",
    "unbound",
    "view",
]
