"""Video files of all sorts, made with PyAV and by hand."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any


def video(
    path: Path,
    codec: str = "libx264",
    *,
    frames: int = 20,
    rate: Fraction | int = 10,
    size: tuple[int, int] = (64, 48),
    times: Sequence[int] | None = None,
    sound: bool = False,
    **options: str,
) -> Path:
    """A film of coloured pictures.

    Args:
        path: Its ending says what kind of file it is.
        codec: As FFmpeg calls it.
        frames: How many.
        rate: Frames a second.
        size: Width and height in pixels.
        times: Of each frame in milliseconds, where they do not follow the rate.
        sound: Whether there is a longer track of silence.
        options: Of the container.
    """
    import av

    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=rate, options={"threads": "1"})
        stream.width, stream.height = size
        stream.pix_fmt = {"mjpeg": "yuvj420p", "gif": "rgb8"}.get(codec, "yuv420p")
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        voice = container.add_stream("aac", rate=48_000, layout="mono") if sound else None
        for number in range(frames):
            frame = av.VideoFrame(*size, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([number * 11 % 256]) * plane.buffer_size)
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for number in range(200 if voice is not None else 0):
            container.mux(voice.encode(_silence(number)))
        if voice is not None:
            container.mux(voice.encode())
    return path


def av1_video(path: Path) -> Path:
    """One in AV1, by a process of its own.

    Under root that encoder makes the process it runs in a real-time one (SCHED_FIFO), and all that
    this one starts afterwards: two busy ones would leave the machine to nobody else.
    """
    done = subprocess.run([sys.executable, __file__, path], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return path


def _silence(number: int) -> Any:
    """A fiftieth of a second, the so-manieth."""
    import av

    piece = av.AudioFrame(format="fltp", layout="mono", samples=1024)
    piece.planes[0].update(bytes(piece.planes[0].buffer_size))
    piece.sample_rate, piece.pts = 48_000, number * 1024
    return piece


def sound_alone(path: Path) -> Path:
    """A file without pictures."""
    import av

    with av.open(str(path), "w") as container:
        voice = container.add_stream("aac", rate=48_000, layout="mono")
        for number in range(20):
            container.mux(voice.encode(_silence(number)))
        container.mux(voice.encode())
    return path


def without(path: Path, element: str, target: Path) -> Path:
    """An MKV file whose first element of that number is nothing any more."""
    content = bytearray(path.read_bytes())
    number = bytes.fromhex(element)
    at = content.index(number)
    length = len(number) + 1 + (content[at + len(number)] & 0x7F)
    content[at : at + length] = bytes([0xEC, 0x80 | (length - 2)]) + bytes(length - 2)
    target.write_bytes(content)
    return target


def turned(path: Path, matrix: tuple[float, float, float, float], target: Path) -> Path:
    """An MP4 whose track is shown through a matrix: a, b, c, d."""
    content = bytearray(path.read_bytes())
    a, b, c, d = (int(one * 65536) for one in matrix)
    struct.pack_into(">9i", content, content.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    target.write_bytes(content)
    return target


def edited(path: Path, duration: int, start: int, target: Path) -> Path:
    """An MP4 of which an edit list shows a piece, in its own units of time."""
    content = bytearray(path.read_bytes())
    struct.pack_into(">Ii", content, content.index(b"elst") + 12, duration, start)
    target.write_bytes(content)
    return target


QUARTER = (0.0, 1.0, -1.0, 0.0)


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def avi(pictures: Sequence[bytes], size: tuple[int, int], told: int | None = None) -> bytes:
    """A film of JPEG pictures, four a second, whose header tells a number of frames."""
    frames = len(pictures) if told is None else told
    header = struct.pack("<14I", 250_000, 0, 0, 16, frames, 0, 1, 9000, *size, 0, 0, 0, 0)
    stream = b"vidsMJPG" + struct.pack(
        "<IHHIIIIIIiIhhhh", 0, 0, 0, 0, 1, 4, 0, frames, 9000, -1, 0, 0, 0, *size
    )
    form = struct.pack("<IiiHH4sIiiII", 40, *size, 1, 24, b"MJPG", 9216, 0, 0, 0, 0)
    streams = chunk(b"LIST", b"strl" + chunk(b"strh", stream) + chunk(b"strf", form))
    films = b"movi" + b"".join(chunk(b"00dc", one) for one in pictures)
    hdrl = chunk(b"LIST", b"hdrl" + chunk(b"avih", header) + streams)
    return chunk(b"RIFF", b"AVI " + hdrl + chunk(b"LIST", films))


def odd_videos(home: Path) -> dict[str, Path]:
    """Files that are read in odd ways, by what is odd."""
    slow = [sum((33, 50, 20, 500)[n % 4] for n in range(count)) for count in range(30)]
    ntsc = Fraction(30_000, 1001)
    made = dict(_plain_videos(home, slow, ntsc))
    plain = made["b frames"]
    made["turned"] = turned(plain, QUARTER, home / "turned.mp4")
    made["turned back"] = turned(plain, (0.0, -1.0, 1.0, 0.0), home / "back.mp4")
    made["upside down"] = turned(plain, (-1.0, 0.0, 0.0, -1.0), home / "down.mp4")
    made["tilted"] = turned(plain, (0.9848, 0.1736, -0.1736, 0.9848), home / "tilted.mp4")
    made["late edit"] = edited(plain, 1500, 12_000, home / "late.mp4")
    made["short edit"] = edited(plain, 700, 1024, home / "short.mp4")
    for what, number in {"no rate": "23e383", "no length": "4489"}.items():
        made[f"mkv, {what}"] = without(made["mkv"], number, home / f"{what}.mkv")
    whole = made["index first"].read_bytes()
    made["cut mp4"] = home / "cut.mp4"
    made["cut mp4"].write_bytes(whole[: len(whole) * 3 // 4])
    whole = made["mkv"].read_bytes()
    made["cut mkv"] = home / "cut.mkv"
    made["cut mkv"].write_bytes(whole[: len(whole) * 3 // 4])
    return made


def _plain_videos(home: Path, slow: list[int], ntsc: Fraction) -> Iterator[tuple[str, Path]]:
    long = {"frames": 48, "size": (160, 120)}
    mov: dict[str, Any] = {"movflags": "frag_keyframe+empty_moov"}
    yield "b frames", video(home / "b.mp4", **long)
    yield "index first", video(home / "first.mp4", movflags="faststart", **long)
    yield "mkv", video(home / "m.mkv", **long)
    yield "webm, ntsc", video(home / "n.webm", "libvpx", rate=ntsc, frames=61)
    yield "mpeg4, avi", video(home / "d.avi", "mpeg4", rate=ntsc)
    yield "uneven", video(home / "u.mp4", "mpeg4", rate=30, frames=30, times=slow)
    yield "uneven, mkv", video(home / "u.mkv", "mpeg4", rate=30, frames=30, times=slow)
    yield "fragments", video(home / "f.mp4", frames=30, **mov)
    yield "live", video(home / "l.mkv", live="1")
    yield "sound", video(home / "s.mp4", sound=True)
    yield "sound, mkv", video(home / "s.mkv", sound=True)
    yield "sound alone", sound_alone(home / "a.mp4")
    yield "one frame", video(home / "1.mp4", "mpeg4", frames=1)
    yield "two frames", video(home / "2.mp4", "mpeg4", frames=2)
    yield "slow", video(home / "slow.mp4", "mpeg4", rate=1, frames=9)
    yield "fast", video(home / "fast.mp4", rate=1000, frames=30)
    yield "narrow", video(home / "w.mp4", size=(48, 64))
    yield "odd size", video(home / "o.mkv", "ffv1", size=(37, 53))
    yield "long side", video(home / "side.mp4", "mpeg4", size=(4096, 16))
    yield "gif", video(home / "g.gif", "gif")
    yield "av1", av1_video(home / "v.mp4")


if __name__ == "__main__":
    video(Path(sys.argv[1]), "libsvtav1")
