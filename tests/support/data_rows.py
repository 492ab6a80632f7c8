"""Parts that tests of the check share."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

from vlft.data.check import check_files
from vlft.data.findings import RowFinding
from vlft.data.settings import CheckSettings
from vlft.models import family_of

CHUNK = 10 << 20


def png(width: int = 640, height: int = 480) -> bytes:
    """A PNG whose header and end are right."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def talk(question: Any = "hi", answer: Any = "yes", **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages, **more}


def write(file: Path, *rows: Any) -> Path:
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return file


def found_in(file: Path, **options: Any) -> list[RowFinding]:
    """All findings of one file, under a Qwen2-VL."""
    val = options.pop("val", ())
    settings = CheckSettings(cwd=file.parent, family=family_of("qwen2_vl"), **options)
    with check_files([str(file)], settings, val=val) as report:
        return list(report.findings)


def rules_in(file: Path, **options: Any) -> list[tuple[str, int | None]]:
    """Rule and row of each finding."""
    return [(found.rule, found.row) for found in found_in(file, **options)]


def long_file(file: Path, first: dict[str, Any], later: dict[str, Any]) -> Path:
    """12 MB: many rows like the first, then one other row, then more like the first."""
    line = json.dumps(first) + "\n"
    count = 12_000_000 // len(line)
    odd = (11 << 20) // len(line)
    with file.open("w") as out:
        out.write(line * odd + json.dumps(later) + "\n" + line * (count - odd))
    return file
