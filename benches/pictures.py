"""What it costs to look at the headers of 20,000 pictures.

    python benches/pictures.py [FILES]

Times are CPU microseconds a file, all measured in this run on warm files; the ratio is to
opening each and reading 4 KiB. Needs Pillow, which writes the files.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from vlft.data.media.headers import probe_picture
from vlft.data.media.problems import Picture
from vlft.data.media.resolve import MediaProbe

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = 20_000
ROUNDS = 7


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else FILES
    with tempfile.TemporaryDirectory() as folder:
        files = make(Path(folder), count)
        wrong = sum(not same(probe_picture(file), file) for file in files)
        sizes = sum(Path(file).stat().st_size for file in files)
        print(f"{count:,} files of {sizes / count / 1000:.1f} kB, {wrong} differ from Pillow")
        calls = {
            "open + read 4 KiB": read_4k,
            "header": header,
            "header and end": probe_picture,
            "MediaProbe.look": MediaProbe(Path(folder), None).look,
        }
        # Rounds take turns, so that what else the machine does falls on all of them.
        rounds = [{name: once(call, files) for name, call in calls.items()} for _ in range(ROUNDS)]
        floor = min(each["open + read 4 KiB"] for each in rounds)
        for name in list(calls)[:-1]:
            show(name, min(each[name] for each in rounds), floor)
        show("MediaProbe.look, first time", rounds[0]["MediaProbe.look"], floor)
        show("MediaProbe.look, again", rounds[1]["MediaProbe.look"], floor)
        probe = MediaProbe(Path(folder), None)
        show("MediaProbe.look_many", once(lambda _: probe.look_many(files), ["all"], count), floor)
        show("Pillow's .size", once(pillow_size, files[: count // 10]), floor)


def make(folder: Path, count: int) -> list[str]:
    """Pictures of some 25 kB in the three formats, some of them turned."""
    chance = random.Random(0)  # noqa: S311 - pictures, not secrets
    noise = Image.effect_noise((800, 800), 60).convert("RGB")
    contents: list[tuple[str, bytes]] = []
    for number in range(300):
        width, height = chance.randrange(100, 400), chance.randrange(100, 400)
        kind = ("jpeg", "jpeg", "png", "webp")[number % 4]
        picture = noise.crop((0, 0, width, height))
        options: dict[str, object] = {"method": 0} if kind == "webp" else {}
        if number % 20 == 0:
            options["exif"] = Image.Exif()
            options["exif"][0x112] = chance.randrange(1, 9)
        stream = BytesIO()
        if kind == "png":  # noise does not pack
            picture = picture.convert("L").quantize(8)
        picture.save(stream, kind, **options)
        contents.append((kind, stream.getvalue()))
    made = []
    for number in range(count):
        kind, content = contents[number % len(contents)]
        path = folder / f"{number:06}.{kind}"
        path.write_bytes(content)
        made.append(str(path))
    return made


def header(file: str) -> object:
    return probe_picture(file, check_end=False)


def same(found: object, file: str) -> bool:
    with Image.open(file) as picture:
        expected = (*picture.size, picture.getexif().get(0x112, 1))
    return isinstance(found, Picture) and expected == (
        found.width,
        found.height,
        found.orientation,
    )


def read_4k(file: str) -> bytes:
    handle = os.open(file, os.O_RDONLY)
    try:
        return os.read(handle, 4096)
    finally:
        os.close(handle)


def pillow_size(file: str) -> tuple[int, int]:
    with Image.open(file) as picture:
        return picture.size


def once(call: Callable[[str], object], files: list[str], count: int | None = None) -> float:
    began = time.process_time()
    for file in files:
        call(file)
    return (time.process_time() - began) / (count or len(files)) * 1e6


def show(name: str, micros: float, floor: float) -> None:
    print(f"{name:28}{micros:8.2f} µs{micros / floor:7.2f}")


if __name__ == "__main__":
    main()
