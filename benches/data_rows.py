"""How fast `vlft data check` goes through rows, beside msgspec's typed decode of the same file.

    python benches/data_rows.py [--rows 1000000] [--pictures 20000] [--folder DIR]

Writes a file of rows of about 340 bytes that name so many pictures (1x1 JPEG headers of true
sizes), then measures CPU seconds: lines only, msgspec into Structs, and the whole check in a
process of its own, with its memory. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import msgspec


class Message(msgspec.Struct):
    """What msgspec decodes a message into."""

    role: str
    content: str


class Row(msgspec.Struct):
    """What msgspec decodes a line into."""

    messages: list[Message]
    images: list[str] = []


WORDS = [
    "the", "picture", "shows", "a", "street", "with", "two", "cars", "and", "one", "person",
    "who", "waits", "near", "red", "light", "under", "tall", "trees", "while", "rain", "falls",
    "on", "small", "shops", "where", "people", "buy", "bread", "fruit", "coffee", "books",
]  # fmt: skip


def png(width: int, height: int, seed: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", random.Random(seed).randbytes(6000))  # noqa: S311 - no secret
    return b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b"")


def write_rows(folder: Path, rows: int, pictures: int) -> Path:
    shuffled = random.Random(7)  # noqa: S311 - no secret
    images = folder / "images"
    images.mkdir()
    for index in range(pictures):
        size = shuffled.randrange(224, 1200), shuffled.randrange(224, 1200)
        (images / f"{index:06}.png").write_bytes(png(*size, index))
    file = folder / "train.jsonl"
    with file.open("w") as out:
        for index in range(rows):
            question = " ".join(shuffled.choices(WORDS, k=9))
            answer = " ".join(shuffled.choices(WORDS, k=24))
            messages = [
                {"role": "user", "content": f"<image>{question} {index}?"},
                {"role": "assistant", "content": f"{answer}."},
            ]
            name = str(images / f"{shuffled.randrange(pictures):06}.png")
            out.write(json.dumps({"messages": messages, "images": [name]}) + "\n")
    return file


def cpu(function: object, *arguments: object) -> float:
    began = time.process_time()
    function(*arguments)  # type: ignore[operator]
    return time.process_time() - began


def only_lines(file: Path) -> None:
    with file.open("rb") as stream:
        for _ in stream:
            pass


def decode(file: Path) -> None:
    read = msgspec.json.Decoder(Row).decode
    with file.open("rb") as stream:
        for line in stream:
            read(line)


CHECK = """
import resource, sys, time
from pathlib import Path
from vlft.data.check import check_files
from vlft.data.settings import CheckSettings
from vlft.models import family_of
settings = CheckSettings(family=family_of("qwen2_vl"), max_length=4096)
began = time.perf_counter()
report = check_files([sys.argv[1]], settings)
wall = time.perf_counter() - began
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(sum(u.ru_utime + u.ru_stime for u in used), wall, max(u.ru_maxrss for u in used),
      report.rows, len(report.findings))
"""


def check(file: Path) -> list[float]:
    command = [sys.executable, "-c", CHECK, str(file)]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    return [float(word) for word in done.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        file = write_rows(Path(name), options.rows, options.pictures)
        only_lines(file)
        lines, typed = cpu(only_lines, file), cpu(decode, file)
        seconds, wall, memory, rows, findings = check(file)
        print(
            json.dumps(
                {
                    "rows": int(rows),
                    "bytes_per_row": file.stat().st_size // options.rows,
                    "findings": int(findings),
                    "krows_per_cpu_second": {
                        "lines": round(rows / lines / 1000),
                        "msgspec": round(rows / typed / 1000),
                        "check": round(rows / seconds / 1000),
                    },
                    "share_of_msgspec": round(typed / seconds, 3),
                    "wall_seconds": round(wall, 2),
                    "memory_mb": round(memory / 1024),
                }
            )
        )


if __name__ == "__main__":
    main()
