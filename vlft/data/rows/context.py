"""What the rules of rows look things up in."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from vlft.data.media.resolve import MediaProbe
from vlft.data.media.verdicts import Picture
from vlft.errors import VlftError
from vlft.models import DEFAULT_FAMILY, PixelLimits, SizeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vlft.data.media.verdicts import MediaProblem, Unopened
    from vlft.data.rows.columns import Columns
    from vlft.data.settings import CheckSettings
    from vlft.data.tokens.rows import RowTokens
    from vlft.models import Family

MOST_SEEN = 500_000
_MOST_SIZES = 50_000


class Context:
    """The run's settings, and the pictures that were looked at.

    Args:
        settings: Of the run.
        columns: Of the file at hand.
        lost: Column of the file that ms-swift does not know → the name it was meant for.
        probe: Memory of pictures; None for a fresh one.
        seen: Takes in the pictures that were looked at, where leaks are to be found; at most
            `MOST_SEEN`.
    """

    def __init__(
        self,
        settings: CheckSettings,
        columns: Columns,
        lost: Mapping[str, str] | None = None,
        probe: MediaProbe | None = None,
        seen: dict[str, Picture] | None = None,
    ) -> None:
        self.settings = settings
        self.columns = columns
        self.lost = dict(lost or {})
        self.cwd: Path = settings.cwd
        self.limits = settings.limits or PixelLimits()
        self.vision = settings.vision or (settings.family.vision if settings.family else None)
        self._usual_tokens = lru_cache(_MOST_SIZES)(partial(self._tokens, limits=self.limits))
        self.probe = probe or new_probe(settings)
        self.counter = _counter_of(settings)
        self.plain: dict[str, int] = {}
        """Pictures with nothing odd → tokens, with those around; see `checking.fast`."""
        self.seen = seen

    @property
    def family(self) -> Family:
        """The model's family; the default one if it is not known."""
        return self.settings.family or DEFAULT_FAMILY

    def look(self, reference: str | bytes) -> Picture | MediaProblem | Unopened:
        """What a reference of `images` is."""
        found = self.probe.look(reference)
        seen = self.seen
        if seen is not None and isinstance(found, Picture) and len(seen) < MOST_SEEN:
            seen[str(reference)] = found
        return found

    def image_tokens(self, picture: Picture, row: Mapping[str, Any] | None = None) -> int | None:
        """Tokens of a picture with what stands around them; None if the model is not known.

        Args:
            picture: The picture.
            row: The loaded row, for its own limits.

        Raises:
            SizeError: If ms-swift fails on its size.
            TypeError: If a limit of the row's own is no number.
        """
        limits = self.limits_of(row)
        if limits is self.limits:
            return self._usual_tokens(picture.width, picture.height)
        return self._tokens(picture.width, picture.height, limits)

    def _tokens(self, width: int, height: int, limits: PixelLimits) -> int | None:
        if self.vision is not None:
            return self.vision.image_tokens(width, height, limits)
        longer, shorter = max(width, height), min(width, height)
        if shorter * 200 < longer and "max" in self.family.pixel_variables:
            message = f"the longer side is more than 200 times the shorter: {longer}:{shorter}"
            raise SizeError(message)
        return None

    def limits_of(self, row: Mapping[str, Any] | None) -> PixelLimits:
        """The limits of a loaded row.

        Raises:
            TypeError: If a limit of the row's own is no number.
        """
        asked, has_video = (row or {}).get("chat_template_kwargs"), bool((row or {}).get("videos"))
        if not asked and not has_video:
            return self.limits
        asked = asked if isinstance(asked, dict) else None
        try:
            return self.limits.with_row(asked, has_video=has_video)
        except VlftError as error:
            raise TypeError(error.message) from None


def _counter_of(settings: CheckSettings) -> RowTokens | None:
    if settings.tokenizer is None:
        return None
    from vlft.data.tokens.rows import open_counter  # noqa: PLC0415 - only with a tokenizer

    return open_counter(settings)


def new_probe(settings: CheckSettings, *, open_files: bool = True) -> MediaProbe:
    """A fresh memory of pictures; `open_files` as in `MediaProbe`."""
    from pathlib import Path  # noqa: PLC0415 - only here at run time

    root = settings.root_image_dir
    return MediaProbe(
        settings.cwd,
        None if root is None else Path(root),
        fetch=settings.fetch,
        allow_private=settings.allow_private,
        open_files=open_files,
        video_reader=settings.video_reader,
    )
