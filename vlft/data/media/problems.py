"""What a reference to a picture or video turns out to be: a picture, or one of these problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from vlft.security.secrets import mask

if TYPE_CHECKING:
    from collections.abc import Callable


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


PILLOW_LIMIT = 2 * (1024**3 // 4 // 3)
"""Of a picture. Pillow raises above it (Image.MAX_IMAGE_PIXELS doubled) and only warns above
the half; neither ms-swift 4.6 nor what it imports lifts the limit."""

_SHOWN = 100


def shortened(reference: str) -> str:
    """A reference as messages show it: whole or its two ends, and without secrets."""
    reference = mask(reference)
    if len(reference) <= _SHOWN:
        return reference
    return f"{reference[:60]}…{reference[-20:]} ({len(reference)} characters)"


def missing(name: str, cwd: str, root: str | None, *, decodes: bool = False) -> MediaProblem:
    """No such file."""
    places = cwd if root is None else f"{cwd}, then from ROOT_IMAGE_DIR {root}"
    hint = f"paths start from {places}; never from the folder of the data file"
    if decodes:
        hint += "; ms-swift takes it for base64 and says `cannot identify image file`"
    return MediaProblem("missing", f"there is no file {shortened(name)}", hint)


def folder(name: str) -> MediaProblem:
    """A folder where a file should be."""
    hint = "name the file; ms-swift opens one file an entry"
    return MediaProblem("folder", f"{shortened(name) or 'an empty path'} is a folder", hint)


def empty(name: str) -> MediaProblem:
    """A file of no bytes."""
    hint = "copy it again, or leave the row out"
    return MediaProblem("empty", f"{shortened(name)} is an empty file", hint)


def truncated(name: str, why: str = "") -> MediaProblem:
    """A file that breaks off, or is damaged further on."""
    said = f": Pillow says `{why}`" if why else ""
    hint = "copy or download it again; a picture that ends early can't be decoded"
    return MediaProblem("truncated", f"{shortened(name)} is cut off or damaged{said}", hint)


def not_an_image(name: str, what: str = "") -> MediaProblem:
    """A file of some other kind."""
    is_what = f": it is {what}" if what else ""
    hint = "convert it to JPEG or PNG, or leave the row out"
    return MediaProblem("not_an_image", f"{shortened(name)} is no picture{is_what}", hint)


def too_large(name: str, width: int | None = None, height: int | None = None) -> MediaProblem:
    """More pixels than Pillow opens."""
    size = f"{width}x{height} pixels" if width else "its size"
    message = f"{shortened(name)}: {size} is beyond what Pillow opens ({PILLOW_LIMIT} pixels)"
    return MediaProblem("too_large", message, "shrink it; far less reaches the model anyway")


def unreadable(name: str, why: str) -> MediaProblem:
    """The system does not let vlft read the file."""
    hint = "the trainer can't read it either, if it runs as the same user"
    return MediaProblem("unreadable", f"{shortened(name)} can't be read: {why}", hint)


def unjudged(name: str) -> MediaProblem:
    """Nothing here knows the format."""
    hint = "pip install 'vlft[data]' brings Pillow, which reads it if anything does"
    return MediaProblem("unreadable", f"{shortened(name)} is neither JPEG, PNG nor WebP", hint)


def not_fetched(url: str) -> MediaProblem:
    """A URL, and fetching is off."""
    hint = "download it and name the file: ms-swift fetches it again for every visit of the row"
    return MediaProblem("url", f"{shortened(url)} was not fetched", hint)


def fetch_failed(url: str, why: str) -> MediaProblem:
    """A URL that did not answer with a picture."""
    hint = "ms-swift tries it 4 times for every visit of the row, then trains on another row"
    return MediaProblem("url", f"{shortened(url)} can't be fetched: {why}", hint)


def not_a_video(name: str, what: str) -> MediaProblem:
    """A file of some other kind in place of a video."""
    hint = "copy or download it again, or leave the row out"
    return MediaProblem("not_a_video", f"{shortened(name)} is no video: it is {what}", hint)


def bad_base64(reference: str) -> MediaProblem:
    """Text in place of a picture that is no picture."""
    hint = "write the path of a file, or the base64 of a whole picture file"
    message = f"{shortened(reference)} is base64 text, but not of a picture"
    return MediaProblem("base64", message, hint)


_H264 = "ffmpeg -i OLD -c:v libx264 -pix_fmt yuv420p NEW.mp4"


def cut_video(name: str, why: str) -> MediaProblem:
    """A video that breaks off, and takes the trainer with it."""
    hint = "copy or download it again, or leave the row out"
    return MediaProblem("cut_video", f"{shortened(name)} is cut off: {why}", hint)


def short_video(name: str, why: str, frames: int) -> MediaProblem:
    """A video that breaks off, of which the trainer takes what is there."""
    message = f"{shortened(name)} is cut off: {why}; {frames} frames of it are trained on"
    return MediaProblem("short_video", message, "copy or download it again")


def broken_video(name: str, why: str) -> MediaProblem:
    """A video that the reader gives up on."""
    hint = "copy or download it again, or leave the row out"
    return MediaProblem("video_unreadable", f"{shortened(name)} can't be read: {why}", hint)


def other_codec(name: str, codec: str) -> MediaProblem:
    """A video that is newer than the reader's decoders."""
    message = f"{shortened(name)} is {codec.upper()}, which decord 0.6 has no decoder for"
    return MediaProblem("video_unreadable", message, f"convert it: {_H264}")


def no_length(name: str) -> MediaProblem:
    """A video that does not say how long it is, as recordings of live streams."""
    message = f"{shortened(name)} tells neither its frames nor its length, and decord refuses it"
    return MediaProblem("video_unreadable", message, "write it anew: ffmpeg -i OLD -c copy NEW.mp4")


def uncounted(name: str) -> MediaProblem:
    """A video without a number of frames in its header, for PyAV in transformers."""
    message = (
        f"the header of {shortened(name)} does not count its frames, and transformers needs it"
    )
    hint = "write it anew: ffmpeg -i OLD -c copy NEW.mp4; or set env.VIDEO_LOAD_BACKEND: decord"
    return MediaProblem("video_unreadable", message, hint)


def narrow(name: str, width: int) -> MediaProblem:
    """A width whose lines decord takes for another form of picture."""
    message = f"{shortened(name)} is {width} pixels wide, of which decord 0.6 makes no frames"
    return MediaProblem("video_unreadable", message, "scale it to a width that 32 divides")


def unjudged_video(name: str, why: str) -> MediaProblem:
    """A video whose frames can't be told here."""
    message = f"the frames of {shortened(name)} are not counted: {why}"
    return MediaProblem("video_unjudged", message, f"convert it: {_H264}")


def without_av(name: str) -> MediaProblem:
    """No package here reads videos."""
    message = f"the frames of {shortened(name)} are not counted: PyAV is not installed here"
    return MediaProblem("video_unjudged", message, "pip install 'vlft[data]' brings it")


def no_reader(name: str) -> MediaProblem:
    """No package of the trainer reads videos."""
    message = f"nothing is installed for the trainer that reads {shortened(name)}"
    hint = "pip install decord (for -hf checkpoints of InternVL: av) where ms-swift is"
    return MediaProblem("no_video_reader", message, hint)


def in_the_row(reference: str) -> MediaProblem:
    """A video as text in the row, which only InternVL's own form decodes."""
    message = f"{shortened(reference)} is a video as text, and its reader takes files alone"
    return MediaProblem("video_unreadable", message, "save it as a file and name that")


def frames_refused(frames: int) -> MediaProblem:
    """A list of pictures as a video, for InternVL's own form."""
    message = f"a video is a list of {frames} frames, and ms-swift's InternVL takes files alone"
    return MediaProblem("video_unreadable", message, "make a file of them, or name them as images")


def no_track(name: str) -> MediaProblem:
    """A file of sound alone."""
    message = f"{shortened(name)} has no track of pictures"
    return MediaProblem("video_unreadable", message, "name the film, or leave the row out")
