"""Examples of the rules `code.*`, `internvl.*` and `qwenvl.*`."""

from __future__ import annotations

from examples.base import Example

POD = ["launch.engine=kubernetes", "kubernetes={image: a, volumes: [{mount: /, claim: disk}]}"]


def chat(name: str, python: str, *more: str) -> list[str]:
    return [
        f"model.path={name}",
        "model.trust_remote_code=true",
        f"launch.python={python}/bin/python",
        *more,
    ]


MODEL, SMALL = "chat/InternVL3-1B", "tiles-224/InternVL3-1B"
RIGHT = chat(MODEL, "chatting")

EXAMPLES = {
    "code.not-installed": Example(chat(MODEL, "trainer"), RIGHT),
    "code.hub-consent": Example(
        ["model.path=OpenGVLab/InternVL3-2B", "launch.python=chatting/bin/python"],
        RIGHT,
    ),
    "code.mended": Example(chat(MODEL, "today"), RIGHT),
    "code.pod": Example(
        chat(MODEL, "today", POD[0], "kubernetes={image: a}"),
        POD,
    ),
    "internvl.tile-set": Example(chat(SMALL, "chatting"), RIGHT),
    "internvl.tile-other": Example(
        chat(SMALL, "chatting", "env.INPUT_SIZE=448"), chat(SMALL, "chatting", "env.INPUT_SIZE=224")
    ),
    "internvl.token-count": Example(chat("quarter/InternVL3-1B", "chatting"), RIGHT),
    "qwenvl.pixels": Example(
        chat("Qwen-VL-Chat", "of-its-time", "pixels.max=1003520"),
        chat("Qwen-VL-Chat", "of-its-time"),
    ),
    "internvl.untried": Example(chat("chat/InternVL2-2B", "chatting"), RIGHT),
}
