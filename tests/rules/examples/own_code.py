"""Examples of the rules `code.*` and `internvl.*`."""

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
    "code.mended": Example(chat(MODEL, "today"), RIGHT),
    "code.pod": Example(
        [
            f"model.path={MODEL}",
            "model.trust_remote_code=true",
            POD[0],
            "kubernetes={image: a, volumes: [{mount: /nowhere, claim: disk}]}",
        ],
        POD,
    ),
    "internvl.tile-set": Example(chat(SMALL, "chatting"), RIGHT),
    "internvl.tile-other": Example(
        chat(SMALL, "chatting", "env.INPUT_SIZE=448"), chat(SMALL, "chatting", "env.INPUT_SIZE=224")
    ),
    "internvl.token-count": Example(chat("quarter/InternVL3-1B", "chatting"), RIGHT),
    "internvl.untried": Example(chat("chat/InternVL2-2B", "chatting"), RIGHT),
}
