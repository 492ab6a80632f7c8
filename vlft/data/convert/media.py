"""Files of media: where rows name them, and where those that stand in a row are written to."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

import xxhash

from vlft.data.media.headers import probe_bytes
from vlft.data.media.problems import Picture
from vlft.data.media.resolve import (
    KEPT,
    LONGEST_KEPT,
    MediaProbe,
    first_place,
    is_url,
    may_be_path,
    second_place,
)
from vlft.files import write_bytes

if TYPE_CHECKING:
    from pathlib import Path


class Places:
    """Looks references up where ms-swift will, and beside the data file, where it will not.

    Args:
        folder: Of the data file.
        cwd: Working directory of the trainer.
        root_image_dir: Its ROOT_IMAGE_DIR, if set.
    """

    def __init__(self, folder: Path, cwd: Path, root_image_dir: Path | None) -> None:
        self._folder = str(folder.absolute())
        self._cwd = str(cwd)
        self._root = None if root_image_dir is None else str(root_image_dir)
        self._probe = MediaProbe(cwd, root_image_dir, check_end=False)
        self._kept = lru_cache(KEPT)(self._resolve)

    def resolve(self, reference: str) -> str:
        """The reference as it is, or absolute where only the data file's folder has it."""
        if len(reference) > LONGEST_KEPT:
            return self._resolve(reference)
        return self._kept(reference)

    def size(self, reference: str) -> tuple[int, int] | None:
        """Width and height of a picture in pixels; None if it can't be read."""
        found = self._probe.look(self.resolve(reference))
        return (found.width, found.height) if isinstance(found, Picture) else None

    def _resolve(self, reference: str) -> str:
        name = reference.strip()
        if (
            not name
            or not may_be_path(name)
            or is_url(name)
            or name.startswith(("data:", "/", "~"))
        ):
            return reference
        beside = os.path.normpath(os.path.join(self._folder, name))  # noqa: PTH118
        if not os.path.isfile(beside):  # noqa: PTH113 - never raises
            return reference
        places = first_place(name, self._cwd), second_place(name, self._cwd, self._root)
        return reference if any(map(os.path.exists, places)) else beside


_ENDINGS = {"JPEG": ".jpg", "TIFF": ".tif"}


class PictureFiles:
    """A folder of pictures, each named by its content and there once.

    Files that were made are taken away by `close` unless they are kept.

    Args:
        folder: Is made with the first picture.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: list[Path] = []
        self._kept = False

    def put(self, content: bytes) -> str | None:
        """Absolute path of a file with this content; None if it is no picture."""
        found = probe_bytes(content, "a picture")
        if not isinstance(found, Picture):
            return None
        ending = _ENDINGS.get(found.format, f".{found.format.lower()}")
        path = self.folder.absolute() / f"{xxhash.xxh3_128_hexdigest(content)}{ending}"
        if not path.is_file() or path.stat().st_size != len(content):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._made.append(path)
            write_bytes(path, content, durable=False)
        return str(path)

    def keep(self) -> None:
        """The rows that name them are kept."""
        self._kept = True

    def close(self) -> None:
        """Takes away what was not kept."""
        if self._kept:
            return
        for path in self._made:
            with suppress(OSError):
                path.unlink()
        with suppress(OSError):
            self.folder.rmdir()
