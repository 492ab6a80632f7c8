"""What a reference to a picture turns out to be: a picture, or a problem."""

from __future__ import annotations

import base64
import os
import re
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

ENTRIES = 60_000
"""Of one generation; two of them with pictures take about 60 MB."""


class Remembered(Generic[_Key, _Value]):
    """Keeps the latest entries in bounded memory.

    Two generations: when the young one is full it becomes the old one, and the old one goes.
    To look an entry up costs little more than in a dict, unlike in a list of recent use.
    """

    def __init__(self, entries: int = ENTRIES) -> None:
        self._entries = entries
        self._young: dict[_Key, _Value] = {}
        self._old: dict[_Key, _Value] = {}

    def get(self, key: _Key) -> _Value | None:
        """The value; None if it was never there or is forgotten."""
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: _Key, value: _Value) -> None:
        """Keeps a value."""
        if len(self._young) >= self._entries:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


_LONGEST_PATH = 2000  # what is longer is never looked up as a path
_DATA_URI = re.compile(r"data:(.+?);base64,(.+)")
_SHORTEST_PICTURE = 64  # base64 characters; shorter ones are names of files
_ALPHABET = re.compile(r"[A-Za-z0-9+/=\s]+")


def is_url(reference: str) -> bool:
    """Whether ms-swift fetches it: anything that begins with these four letters."""
    return reference.startswith("http")


def may_be_path(reference: str) -> bool:
    """Whether ms-swift looks for a file of that name at all."""
    return len(reference) <= _LONGEST_PATH


def first_place(reference: str, cwd: str) -> str:
    """Where it is looked for first; empty for an empty reference."""
    if not reference or reference[0] == "/":
        return reference
    return f"{cwd}/{reference}"


def second_place(reference: str, cwd: str, root: str | None) -> str:
    """Where it is looked for if it is not there.

    `~` means the home folder here, and only without ROOT_IMAGE_DIR: what is expanded is the
    joined path.
    """
    joined = reference if root is None else os.path.join(root, reference)  # noqa: PTH118
    # os.path.expanduser leaves `~somebody` as it is where there is no such user.
    return os.path.normpath(os.path.join(cwd, os.path.expanduser(joined)))  # noqa: PTH111, PTH118


def decoded(reference: str) -> bytes | None:
    """The bytes that ms-swift makes of a reference that is no file; None if it can't.

    Plain base64 is decoded as loosely as Python does it: characters outside the alphabet are
    dropped, so that about one missing path in four passes for base64.
    """
    text = reference
    if reference.startswith("data:"):
        match = _DATA_URI.match(reference)
        if match is None:
            return None
        text = match[2]
    try:
        return base64.b64decode(text)
    except ValueError:  # wrong padding, or not ASCII
        return None


def meant_as_base64(reference: str) -> bool:
    """Whether a reference that is neither file nor picture was meant as base64."""
    if reference.startswith("data:") or len(reference) > _LONGEST_PATH:
        return True
    return len(reference) >= _SHORTEST_PICTURE and _ALPHABET.fullmatch(reference) is not None


MediaKind = Literal[
    "missing",
    "folder",
    "empty",
    "truncated",
    "not_an_image",
    "too_large",
    "url",
    "unreadable",
    "base64",
    "not_a_video",
    "cut_video",
    "short_video",
    "video_unreadable",
    "video_unjudged",
    "no_video_reader",
]
"""`url`: was not, or could not be, fetched; `base64`: text that decodes, but to no picture;
`unreadable`: the file can't be opened, or nothing here can judge it; `cut_video` ends the
process, of a `short_video` what is left is trained on; `video_unreadable`: to the trainer's
reader; `video_unjudged`: nothing here tells."""

HEAD_BYTES = 4096
"""Read of every file: nearly always holds the whole header, and costs as much as one byte."""


# A Struct is to its user what a frozen dataclass with slots is, and is made in a tenth of the
# time: 0.05 µs, where a whole file takes 4.
class Picture(msgspec.Struct, frozen=True, gc=False):
    """What the header of a picture file says.

    Attributes:
        width: Pixels, as the trainer sees them: EXIF rotation is not applied.
        height: Pixels, likewise.
        orientation: 1 to 8 of EXIF (or of XMP where EXIF has none); 1 is upright. Viewers
            turn the picture by it, ms-swift does not.
        transparent: Has an alpha channel or a transparent colour; ms-swift drops either and
            keeps the colours that were hidden. `MediaProbe` takes it back where no pixel is.
        bits: A channel's bits as Pillow hands them to ms-swift. More than 8 means that its
            conversion to RGB clips nearly everything to white: 16-bit grey, 32-bit integers
            and floats. (16-bit colour PNG is reduced to 8 bits properly, and is 8 here.)
        format: As Pillow names it: `JPEG`, `PNG`, `WEBP`, `GIF` …
        size: Bytes of the file.
        head_hash: xxh3_64 of the first 4 KiB.
        path: The file; empty for a picture inside the row.
    """

    width: int
    height: int
    orientation: int
    transparent: bool
    bits: int
    format: str
    size: int
    head_hash: int
    path: str


class MediaProblem(msgspec.Struct, frozen=True, gc=False):
    """Why ms-swift can't use a reference.

    Attributes:
        kind: For programs.
        message: What is wrong, with the value.
        hint: What to do about it.
    """

    kind: MediaKind
    message: str
    hint: str


class Unopened(msgspec.Struct, frozen=True, gc=False):
    """A file that is there, and was not opened."""


Header: TypeAlias = tuple[int, int, int, bool, int, str]
"""What a parser reads: the first six fields of `Picture`. (A plain tuple: a class of its own
would take a tenth of the time of a whole file.)"""

Parsed: TypeAlias = "Header | Literal['cut', 'odd']"
"""`cut`: the header breaks off, or the end of the file is not there; `odd`: something that only
Pillow should judge."""

Read: TypeAlias = "Callable[[int, int], bytes]"
"""(bytes, offset) → what the file has there; shorter, or nothing, past its end."""
