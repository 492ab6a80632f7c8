"""Forms of Parquet files with pictures in them, as `datasets` and as others write them.

As in `row_forms`; `content` takes the folder with the pictures.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class ParquetForm:
    """One file.

    Attributes:
        name: Of the form.
        rows: From what reads a picture's bytes to its rows.
        fates: As of `Form`.
        features: Columns that are pictures to `datasets` → `one` or `list`; None for a file that
            another program wrote.
    """

    name: str
    rows: Callable[[Callable[[str], bytes]], list[Row]]
    fates: str
    features: dict[str, str] | None = None

    def content(self, folder: Path) -> bytes:
        rows = self.rows(lambda name: (folder / name).read_bytes())
        made = io.BytesIO()
        if self.features is None:
            import pyarrow.parquet

            table = pyarrow.Table.from_pylist(rows)
            pyarrow.parquet.write_table(table, made)
            return made.getvalue()
        import datasets

        kinds: dict[str, Any] = {"one": datasets.Image(), "list": [datasets.Image()]}
        text = datasets.Value("string")
        features = {
            name: kinds[self.features[name]]
            if name in self.features
            else [{"role": text, "content": text}]
            if name == "messages"
            else [text]
            for name in rows[0]
        }
        quiet = datasets.utils.logging.is_progress_bar_enabled()
        datasets.disable_progress_bars()
        datasets.Dataset.from_list(rows, features=datasets.Features(features)).to_parquet(made)
        if quiet:
            datasets.enable_progress_bars()
        return made.getvalue()


def row(question: str = "<image>hi", **more: Any) -> Row:
    said = [{"role": "user", "content": question}, {"role": "assistant", "content": "yes"}]
    return {"messages": said, **more}


def inside(content: bytes | None, path: str | None = None) -> Row:
    return {"bytes": content, "path": path}


_ONE, _LIST = {"image": "one"}, {"images": "list"}
PARQUET = [
    ParquetForm(
        "one a row",
        lambda of: [row(image=inside(of(n), n)) for n in ("a.jpg", "b.png")],
        "oo",
        _ONE,
    ),
    ParquetForm(
        "one, called images", lambda of: [row(images=inside(of("a.jpg")))], "o", {"images": "one"}
    ),
    ParquetForm(
        "one, null", lambda of: [row(image=None), row(image=inside(of("b.png")))], "so", _ONE
    ),
    ParquetForm(
        "one, cut",
        lambda of: [row(image=inside(of("cut.jpg"))), row(image=inside(of("b.png")))],
        "ro",
        _ONE,
    ),
    ParquetForm("one, turned", lambda of: [row(image=inside(of("turned.jpg")))], "o", _ONE),
    ParquetForm(
        "one, odd",
        lambda of: [row(image=inside(of(n))) for n in ("glass.png", "deep.png")],
        "ss",
        _ONE,
    ),
    ParquetForm(
        "lists",
        lambda of: [
            row("hi", images=[]),
            row(images=[inside(of("a.jpg"))]),
            row("<image><image>hi", images=[inside(of("a.jpg")), inside(of("b.png"))]),
        ],
        "ooo",
        _LIST,
    ),
    ParquetForm("lists, turned", lambda of: [row(images=[inside(of("turned.jpg"))])], "o", _LIST),
    ParquetForm(
        "lists, odd",
        lambda of: [
            row(images=[inside(of(name))])
            for name in ("anim.gif", "pal.png", "cmyk.jpg", "deep.png", "glass.png")
        ],
        "oooss",
        _LIST,
    ),
    ParquetForm(
        "lists, cut",
        lambda of: [row(images=[inside(of(name))]) for name in ("b.png", "cut.jpg")],
        "L",
        _LIST,
    ),
    ParquetForm(
        "lists, no picture",
        lambda of: [row(images=[inside(b"abc")]), row(images=[inside(of("b.png"))])],
        "L",
        _LIST,
    ),
    ParquetForm(
        "lists, null",
        lambda of: [row(images=[None]), row(images=[inside(of("b.png"))])],
        "ro",
        _LIST,
    ),
    ParquetForm(
        "a picture nobody asked for",
        lambda of: [row(images=["a.jpg"], thumb=inside(b"abc"))],
        "L",
        {"thumb": "one"},
    ),
    ParquetForm("plain structs", lambda of: [row(images=[inside(of("a.jpg"))])], "o"),
    ParquetForm("plain struct", lambda of: [row(image=inside(of("a.jpg")))], "o"),
    ParquetForm(
        "struct with more", lambda of: [row(images=[{**inside(of("a.jpg")), "width": 640}])], "o"
    ),
    ParquetForm("struct of bytes", lambda of: [row(images=[{"bytes": of("a.jpg")}])], "o"),
    ParquetForm("struct of a path", lambda of: [row(images=[{"path": "a.jpg"}])], "o"),
    ParquetForm("struct with a width", lambda of: [row(images=[{"path": "a.jpg", "w": 3}])], "r"),
    ParquetForm("bytes", lambda of: [row(image=of("a.jpg"))], "r"),
    ParquetForm("lists of bytes", lambda of: [row(images=[of("a.jpg")])], "o"),
    ParquetForm("lists of lists of bytes", lambda of: [row(images=[[of("a.jpg")]])], "r"),
    ParquetForm("bytes of a video", lambda of: [row("<video>hi", videos=[of("a.jpg")])], "r"),
    ParquetForm("paths", lambda of: [row(images=["a.jpg"]), row(images=["no.jpg"])], "or"),
    ParquetForm(
        "other types",
        lambda of: [
            row(
                images=["a.jpg"],
                when=datetime(2024, 1, 1, tzinfo=timezone.utc),
                price=Decimal("1.5"),
            )
        ],
        "o",
    ),
]
