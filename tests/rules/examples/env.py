"""Examples of the rules `env.*`."""

from __future__ import annotations

from examples.base import Example

EXAMPLES = {
    "env.owned": Example(["env.MAX_PIXELS=100"], ["env.NCCL_DEBUG=INFO"]),
    "env.value": Example(["env.A=[1, 2]"], ["env.A=1"]),
    "env.differs": Example(
        ["pixels.max=200704"], ["pixels.max=100352"], environ={"MAX_PIXELS": "100352"}
    ),
    "env.near-miss": Example(["env.MAX_PIXEL=100352"], ["env.MY_PIXELS=100352"]),
    "env.inherited": Example(
        ["pixels.min=3136"], ["pixels.max=200704"], environ={"MAX_PIXELS": "200704"}
    ),
}
