"""The word of Pillow, which is what ms-swift reads pictures with.

Imported only for formats that vlft does not parse, and for files that look damaged.
"""

from __future__ import annotations

import shutil
import threading
import warnings
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from vlft.data.media import problems
from vlft.data.media.problems import Header, MediaProblem, Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image


_LOCK = threading.Lock()  # filters of warnings belong to the process
_BITS = {"1": 1, "I": 32, "F": 32}
_ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
_ORIENTATION = 0x0112
_OPAQUE = 255


def ask_pillow(source: str | bytes, name: str, *, cut: bool) -> Header | MediaProblem:
    """Loads a picture as ms-swift would.

    Args:
        source: A regular file's path, or its content.
        name: What messages call it.
        cut: Whether the file is known to end inside its header.
    """
    try:
        import PIL.Image  # noqa: PLC0415
    except ImportError:
        return problems.truncated(name) if cut else problems.unjudged(name)
    try:
        with _opened(source) as picture:
            return _loaded(picture, name)
    except PIL.Image.DecompressionBombError:
        return problems.too_large(name)
    except PIL.UnidentifiedImageError:
        return problems.truncated(name) if cut else problems.not_an_image(name)
    except Exception as error:  # noqa: BLE001 - plugins raise what they like
        return problems.truncated(name, f"{error}")


@contextmanager
def _opened(source: str | bytes) -> Iterator[Image]:
    """A picture as Pillow opens it, without its warnings."""
    import PIL.Image  # noqa: PLC0415

    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as stream:
            yield PIL.Image.open(stream)


def is_opaque(source: str | bytes) -> bool:
    """Whether every pixel of a picture shows; False where that can't be told.

    Args:
        source: A file's path, or its content.
    """
    try:
        with _opened(source) as picture:
            alpha = picture.convert("RGBA").getchannel("A")
    except Exception:  # noqa: BLE001 - Pillow may be missing, and plugins raise what they like
        return False
    return bool(alpha.getextrema()[0] == _OPAQUE)


def turned(source: str | bytes) -> bytes:
    """A picture as viewers show it, as a PNG file.

    Args:
        source: A file's path, or its content; Pillow reads it.
    """
    import PIL.ImageOps  # noqa: PLC0415

    made = BytesIO()
    with _opened(source) as picture:
        PIL.ImageOps.exif_transpose(picture).save(made, "PNG")
    return made.getvalue()


def _loaded(picture: Image, name: str) -> Header | MediaProblem:
    kind = str(picture.format)
    if kind == "EPS":  # to load it is to run a program
        if shutil.which("gs") is None:
            return problems.not_an_image(
                name, "an EPS drawing, which Pillow draws with Ghostscript"
            )
        return picture.width, picture.height, 1, False, 8, kind
    try:
        orientation = picture.getexif().get(_ORIENTATION, 1)
        picture.load()
        if kind == "TIFF":  # Pillow turns these by itself as it loads them
            orientation = 1
    except Exception as error:  # noqa: BLE001
        return problems.truncated(name, f"{error}")
    return (
        picture.width,
        picture.height,
        orientation if orientation in range(1, 9) else 1,
        picture.mode in _ALPHA_MODES or "transparency" in picture.info or _palette_alpha(picture),
        16 if picture.mode.startswith("I;16") else _BITS.get(picture.mode, 8),
        "JPEG" if kind == "MPO" else kind,  # a JPEG that more pictures follow
    )


def _palette_alpha(picture: Image) -> bool:
    palette = picture.palette if picture.mode == "P" else None
    return palette is not None and str(palette.mode).endswith("A")


def without_idle_alpha(
    found: Picture | MediaProblem, content: bytes | None = None
) -> Picture | MediaProblem:
    """The same; not transparent if no pixel of it is.

    That takes the pixels: milliseconds a picture, and only for those with an alpha channel.

    Args:
        found: What the header says.
        content: The file, if the picture stands in the row.
    """
    if not isinstance(found, Picture) or not found.transparent:
        return found

    source = found.path if content is None else content
    return msgspec.structs.replace(found, transparent=False) if is_opaque(source) else found
