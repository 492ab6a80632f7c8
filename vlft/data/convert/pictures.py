"""Pictures that stand in the rows of a Parquet file, written to files of their own."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import xxhash

from vlft.data.media.headers import probe_bytes
from vlft.data.media.verdicts import Picture
from vlft.files import write_bytes

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

_ENDINGS = {"JPEG": ".jpg", "TIFF": ".tif"}


class PictureFiles:
    """A folder of pictures, each named by its content and there once.

    Used as a context: files that were made are taken away at its end unless they are kept.

    Args:
        folder: Is made with the first picture.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self._made: list[Path] = []
        self._kept = False

    def put(self, content: bytes) -> str | None:
        """Absolute path of a file with this content; None if it is no picture."""
        found = probe_bytes(content, "a picture")
        if not isinstance(found, Picture):
            return None
        ending = _ENDINGS.get(found.format, f".{found.format.lower()}")
        path = self.folder.absolute() / f"{xxhash.xxh3_128_hexdigest(content)}{ending}"
        self.count += 1
        if not path.is_file() or path.stat().st_size != len(content):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._made.append(path)
            write_bytes(path, content, durable=False)
        return str(path)

    def keep(self) -> None:
        """The rows that name them are kept."""
        self._kept = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._kept:
            return
        for path in self._made:
            with suppress(OSError):
                path.unlink()
        with suppress(OSError):
            self.folder.rmdir()
