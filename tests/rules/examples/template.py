"""Examples of the rules `template.*`."""

from __future__ import annotations

from examples.base import Example

OWN_QWEN2 = ["model.path=own-qwen2", "model.type=qwen2"]

EXAMPLES = {
    "template.unknown": Example(["swift.template=AUTO"], ["swift.template=qwen2_vl"]),
    "template.family": Example(["swift.template=qwen2_5"], ["swift.template=qvq"]),
    "template.undecided": Example(OWN_QWEN2, [*OWN_QWEN2, "swift.template=qwen2_5"]),
    "template.dummy": Example(
        ["model.path=own-text"], ["model.path=own-text", "swift.template=chatml"]
    ),
    "template.system-file": Example(
        ["swift.system=nowhere.txt"], ["swift.system=You answer in one word."]
    ),
}
