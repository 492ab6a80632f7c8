"""One row past the first 10 MiB, and what it does to the load of the whole file."""

from __future__ import annotations

from typing import Any

from support.data_rows import talk

LONG = "word " * 200
SEEN: dict[str, Any] = talk(f"<image>{LONG}", images=["a.png"])
BOX: dict[str, Any] = talk(
    f"<image>{LONG}", "<bbox>", images=["a.png"], objects={"ref": [], "bbox": [[1, 2, 3, 4]]}
)


def boxed(**objects: Any) -> dict[str, Any]:
    return {**BOX, "objects": {**BOX["objects"], **objects}}


# name, row of the first 10 MiB, the row beyond, rule (None: all is well)
TRAPS: list[tuple[str, dict[str, Any], dict[str, Any], str | None]] = [
    ("images are new", talk(LONG), SEEN, "file.schema"),
    ("another column is new", SEEN, {**SEEN, "id": 1}, "file.schema"),
    ("images were empty", talk(LONG, images=[]), SEEN, "file.schema"),
    ("system was null", {**SEEN, "system": None}, {**SEEN, "system": "S"}, "file.schema"),
    ("one float box", BOX, boxed(bbox=[[1.5, 2, 3, 4]]), "file.schema"),
    ("bbox_type is new", BOX, boxed(bbox_type="real"), "file.schema"),
    (
        "a key of a message is new",
        SEEN,
        {
            **SEEN,
            "messages": [SEEN["messages"][0], {**SEEN["messages"][1], "loss": True}],
        },
        "file.schema",
    ),
    ("images a text", SEEN, {**SEEN, "images": "a.png"}, "file.schema"),
    ("one content is a list", SEEN, talk([{"type": "text", "text": "q"}]), "file.quoted"),
    ("one content is a number", SEEN, talk("q", 5), "file.quoted"),
    ("a column is absent", SEEN, talk("q"), None),
    ("another type in a column that is not read", {**SEEN, "id": "x"}, {**SEEN, "id": 1}, None),
]
