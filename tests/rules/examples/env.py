"""Examples of the rules `env.*`."""

from __future__ import annotations

from examples.base import Example

EXAMPLES = {
    "env.owned": Example(["env.MAX_PIXELS=100"], ["env.NCCL_DEBUG=INFO"]),
    "env.value": Example(["env.A=[1, 2]"], ["env.A=1"]),
    "env.differs": Example(["pixels.max=20"], ["pixels.max=10"], environ={"MAX_PIXELS": "10"}),
    "env.inherited": Example(
        ["pixels.min=3136"], ["pixels.max=200704"], environ={"MAX_PIXELS": "200704"}
    ),
}
