"""What a reference of `videos` turns out to be, for the reader that the trainer has.

The first bytes of a file tell whether it is a video, and whether it is whole.

Which package that is: qwen_vl_utils takes torchcodec, else decord, and torchvision where that one
fails (vision_process.py: get_video_reader_backend, fetch_video); ms-swift gives InternVL's own
form to decord as bytes (swift/template/vision_utils.py: load_video_internvl) and the `-hf` form to
transformers (load_video_hf: VIDEO_LOAD_BACKEND, PyAV without it).

Files are read with PyAV. What is damaged further on only decoding would tell, so that is done of
those files alone that are seen to break off.
"""

from __future__ import annotations

import os
import struct
from typing import IO, TYPE_CHECKING, Any, Final, Literal, NamedTuple

from msgspec.structs import replace

from vlft.data.media import frames, problems
from vlft.models import DEFAULT_FAMILY, VideoFile, family_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.data.media.problems import MediaProblem


VideoReader = Literal[
    "decord",
    "decord_or_torchvision",
    "decord_bytes",
    "torchcodec",
    "torchcodec_or_torchvision",
    "pyav",
    "none",
    "other",
]
"""`…_or_torchvision`: an old torchvision gets what the first one refuses; `decord_bytes`: the
file is in memory; `none`: no package is there, and rows with a video are replaced; `other`: one
whose frames vlft does not count. (torchcodec needs FFmpeg on the machine besides.)"""

_READS_NO_VIDEOS = (0, 26)
"""The release of torchvision that lost io.read_video; qwen_vl_utils still calls it."""


def video_reader(
    model_type: str | None, variables: Mapping[str, str], packages: Mapping[str, str] | None
) -> VideoReader:
    """The reader of a run.

    Args:
        model_type: ms-swift's, of the model; None is taken for the default family.
        variables: Environment of the trainer.
        packages: Installed for it, by normalised name; None where that is not known, and the
            `train` extra is taken to be there.
    """
    there = {"decord": "", "av": ""} if packages is None else packages
    loader = (family_of(model_type) or DEFAULT_FAMILY).video_loader
    if loader == "swift":
        return "decord_bytes" if "decord" in there else "none"
    if loader == "transformers":
        return _of_transformers(variables, there)
    return _of_qwen_vl_utils(variables, there)


def _of_transformers(variables: Mapping[str, str], there: Mapping[str, str]) -> VideoReader:
    asked = variables.get("VIDEO_LOAD_BACKEND") or "pyav"
    if asked == "pyav":
        return "pyav" if "av" in there else "none"
    if asked == "decord":
        return "decord" if "decord" in there else "none"
    return "other"


def _of_qwen_vl_utils(variables: Mapping[str, str], there: Mapping[str, str]) -> VideoReader:
    old = _reads_videos(there.get("torchvision", ""))
    asked = variables.get("FORCE_QWENVL_VIDEO_READER") or (
        "torchcodec" if "torchcodec" in there else "decord"
    )
    if asked == "decord" and asked in there:
        return "decord_or_torchvision" if old else "decord"
    if asked == "torchcodec" and asked in there:
        return "torchcodec_or_torchvision" if old else "torchcodec"
    return "other" if old else "none"


def _reads_videos(torchvision: str) -> bool:
    parts = torchvision.split(".")[:2]
    numbers = tuple(int(part) for part in parts if part.isdigit())
    return len(numbers) == len(_READS_NO_VIDEOS) and numbers < _READS_NO_VIDEOS


_ENDINGS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".flv", ".ts", ".wmv", ".mpg", ".mpeg")
_PICTURES_IN_BOXES = (".avif", ".heic", ".heif")
_OF_GIFS: Final = ("pyav", "torchcodec", "torchcodec_or_torchvision")


class Film(NamedTuple):
    """What a reference of `videos` turns out to be.

    Attributes:
        file: What the reader makes of it; None if that fails, or can't be told.
        problem: What is wrong with it; None if nothing is.
    """

    file: VideoFile | None = None
    problem: MediaProblem | None = None


def look_at_film(path: str, name: str, reader: VideoReader) -> Film:
    """Reads a video file.

    Args:
        path: Of a file that is not empty.
        name: What messages call it.
        reader: What the trainer reads it with.

    Raises:
        OSError: If it can't be read.
    """
    if reader == "none":
        return Film(problem=problems.no_reader(name))
    head = first_bytes(path, name)
    if head.problem is not None and not (head.container == "gif" and reader in _OF_GIFS):
        return Film(problem=head.problem)
    if reader == "other":
        return Film(problem=problems.unjudged_video(name, "its reader is none that vlft follows"))
    if head.cut and reader == "decord_bytes" and head.container == "avi":
        return Film(problem=problems.cut_video(name, head.cut))
    film = _read(path, name, head, reader)
    found = film.problem
    if reader.endswith("torchvision") and found and found.kind == "video_unreadable":
        why = f"an old torchvision may read it all the same ({found.message})"
        return Film(problem=problems.unjudged_video(name, why))
    return film


def is_film(path: str) -> bool:
    """Whether a file is meant as a video: by its name, else by its content."""
    name = path.lower()
    try:
        if not os.path.isfile(path) or not os.path.getsize(path):  # noqa: PTH113, PTH202
            return False
        head = first_bytes(path, path)
    except OSError:
        return False
    if name.endswith(_PICTURES_IN_BOXES):
        return False
    return name.endswith(_ENDINGS) or (head.problem is None and head.container != "unknown")


def _read(path: str, name: str, head: FirstBytes, reader: VideoReader) -> Film:
    if head.cut and reader.startswith("decord") and head.container in {"mp4", "fragments"}:
        return Film(problem=problems.broken_video(name, f"it is cut off: {head.cut}"))
    try:
        import av  # noqa: PLC0415 - a large library, for videos alone
    except ImportError:
        return Film(problem=problems.without_av(name))
    try:
        with av.open(path, metadata_errors="ignore") as file:
            if reader == "pyav":
                found = frames.as_transformers(file, name, head.container)
            elif reader.startswith("torchcodec"):
                found = frames.as_torchcodec(file, path, name, head.container)
            else:
                alone = reader == "decord_bytes"
                found = frames.as_decord(file, path, name, head.container, alone=alone)
        if not head.cut:
            return Film(found)
        shown = _decoded(av, path)
    except frames.RefusedError as refused:
        return Film(problem=refused.problem)
    except av.FFmpegError as error:
        return Film(problem=problems.broken_video(name, f"FFmpeg says `{error.strerror}`"))
    if reader == "pyav":
        found = replace(found, frames=min(found.frames, shown))
    return Film(found, problems.short_video(name, head.cut, found.frames))


def _decoded(av: Any, path: str) -> int:
    """How many frames can be decoded."""
    with av.open(path, metadata_errors="ignore") as file:
        return sum(1 for _ in file.decode(file.streams.video[0]))


_HEAD = 512
_PICTURES = {
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"GIF8": "a GIF picture",
    b"BM": "a BMP picture",
}
_RIFF = struct.Struct("<4sI")
_FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"})
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


class FirstBytes(NamedTuple):
    """What they tell.

    Attributes:
        container: What the file is.
        problem: Why it is no video; None if it may be one.
        cut: How one sees that it breaks off; empty if it seems whole.
    """

    container: frames.Container = "unknown"
    problem: MediaProblem | None = None
    cut: str = ""


def first_bytes(path: str, name: str) -> FirstBytes:
    """Looks at the beginning of a file, and at the lengths of its parts.

    Args:
        path: Of a file that is not empty.
        name: What messages call it.

    Raises:
        OSError: If it can't be read.
    """
    size = os.path.getsize(path)  # noqa: PTH202
    with open(path, "rb") as file:  # noqa: PTH123 - a name as ms-swift has it
        head = file.read(_HEAD)
        if head[4:8] in _FIRST_BOXES:
            return _of_boxes(file, size, name)
    other = _other_kind(head)
    if other is not None:
        return FirstBytes("gif" if "GIF" in other else "unknown", problems.not_a_video(name, other))
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return FirstBytes("avi", cut=_longer(_RIFF.unpack_from(head)[1] + 8, size))
    if head.startswith(_EBML):
        return FirstBytes("mkv", cut=_longer(_end_of_segment(head), size))
    return FirstBytes()


def _longer(announced: int, size: int) -> str:
    if announced <= size:
        return ""
    return f"{announced} bytes are announced, and there are {size}"


def _other_kind(head: bytes) -> str | None:
    """What a file is that is plainly no video."""
    for mark, what in _PICTURES.items():
        if head.startswith(mark):
            return what
    if head.startswith(b"RIFF"):
        return "a WebP picture" if head[8:12] == b"WEBP" else None
    if not head.strip(b"\0"):
        return "zeros"
    return "text" if _is_text(head) else None


def _of_boxes(file: IO[bytes], size: int, name: str) -> FirstBytes:
    """Whether an MP4 or QuickTime file has all its parts, the index among them."""
    kinds: set[bytes] = set()
    cut = ""
    for box in frames.boxes(file, 0, size):
        kinds.add(box.kind)
        if box.kind in {b"mdat", b"moof", b"moov"}:
            cut = cut or _longer(box.end, size)
    if b"moov" not in kinds:
        what = "an MP4 file without its index (moov): it was not closed"
        return FirstBytes("mp4", problems.not_a_video(name, what))
    return FirstBytes("fragments" if b"moof" in kinds else "mp4", cut=cut)


def _end_of_segment(head: bytes) -> int:
    """Where a Matroska file should end; 0 if it does not say (RFC 8794, RFC 9559)."""
    length, at = _number(head, len(_EBML))
    at += length
    if head[at : at + len(_SEGMENT)] != _SEGMENT:
        return 0
    length, at = _number(head, at + len(_SEGMENT))
    return at + length if length else 0


def _number(head: bytes, at: int) -> tuple[int, int]:
    """A number of one to eight bytes and the place after it; 0 for one that is not known."""
    first = head[at] if at < len(head) else 0
    count = 9 - first.bit_length()
    if not first or at + count > len(head):
        return 0, at
    most = (1 << 7 * count) - 1
    value = int.from_bytes(head[at : at + count], "big") & most
    return (0 if value == most else value), at + count


def _is_text(head: bytes) -> bool:
    """Such as a page that says 404, or what git-lfs leaves in place of a file."""
    try:
        text = head[: len(head) // 4 * 4].decode("utf-8", "strict")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\r\n\t" for letter in text)
