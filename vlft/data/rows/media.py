"""The pictures and videos that a row names: looked up, measured and judged."""

from __future__ import annotations

import importlib.util
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any

from vlft.data import rules
from vlft.data.media import problems
from vlft.data.media.problems import MediaProblem, Picture, Unopened
from vlft.data.media.resolve import MediaProbe
from vlft.data.media.video import Film
from vlft.errors import VlftError
from vlft.models import DEFAULT_FAMILY, Family, PixelLimits, SizeError, VideoTokens
from vlft.text import kind, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vlft.data.findings import RowProblem
    from vlft.data.rows.columns import Columns
    from vlft.data.rows.sample import Sample
    from vlft.data.settings import CheckSettings
    from vlft.data.tokens.rows import RowTokens


_KEYS = frozenset({"bytes", "path"})


def reference_of(given: Any) -> str | bytes | None:
    """A path, URL or base64 text, or the bytes of a file; None if ms-swift can't read it.

    Args:
        given: An entry of a loaded row. The content of an object's `bytes` is taken as it
            stands, for a picture file: JSON has no bytes, and base64 is not decoded there.
    """
    if isinstance(given, dict):
        if "bytes" not in given and not given.keys() <= _KEYS:
            return None
        content = given.get("bytes")
        if isinstance(content, str) and content:
            return content.encode("utf-8", "surrogatepass")
        given = content or given.get("path")
    return given if isinstance(given, str | bytes) else None


def picture_of(given: Any, context: Context) -> Picture | None:
    """The picture that an entry of a loaded row names; None if there is none, or it is no file."""
    reference = reference_of(given)
    found = None if reference is None else context.look(reference)
    return found if isinstance(found, Picture) else None


_EIGHT = 8


def check_images(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """Pictures that can't be read, or are not trained on as people see them."""
    for index, given in enumerate(sample.images):
        key = f"images.{index}"
        reference = reference_of(given)
        if reference is None:
            message = f"an image is {shown(given)}"
            yield rules.MEDIA_FORM.found(message, "write the path as a text", key)
            continue
        found = context.look(reference)
        if isinstance(found, MediaProblem):
            yield _problem(found, key)
        elif isinstance(found, Picture):
            yield from _picture(found, reference, sample, context, key)


def _problem(found: MediaProblem, key: str) -> RowProblem:
    rule = rules.BY_MEDIA_KIND[found.kind]
    if found.kind == "unreadable" and not _has_pillow():
        rule = rules.UNJUDGED
    return rule.found(found.message, found.hint, key)


@cache
def _has_pillow() -> bool:
    return importlib.util.find_spec("PIL") is not None


def _picture(
    found: Picture, reference: str | bytes, sample: Sample, context: Context, key: str
) -> Iterator[RowProblem]:
    name = shown(reference if isinstance(reference, str) else "a picture in the row")
    try:
        context.image_tokens(found, sample.row)
    except SizeError as error:
        message = f"{name} has {found.width}x{found.height} pixels: {error}"
        yield rules.RATIO.found(message, "cut it into pieces, or leave the row out", key)
    yield from picture_problems(found, name, key, boxes=bool(sample.objects.get("bbox")))


def picture_problems(
    found: Picture, name: str, key: str, *, boxes: bool = False
) -> Iterator[RowProblem]:
    """What is trained on otherwise than people see it."""
    if found.transparent:
        message = f"{name} has transparency, which ms-swift drops"
        hint = "put it on a background and save it as RGB"
        yield rules.TRANSPARENT.found(message, hint, key)
    if found.bits > _EIGHT:
        message = f"{name} has {found.bits} bits a channel, which ms-swift clips to white"
        yield rules.DEEP.found(message, "save it with 8 bits a channel", key)
    if found.orientation != 1:
        message = f"{name} is turned by EXIF orientation {found.orientation} only for viewers"
        hint = "turn its pixels (Pillow: ImageOps.exif_transpose) and save it"
        rule = rules.ROTATED_BOXES if boxes else rules.ROTATED
        yield rule.found(message, hint, key)


def check_videos(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """Videos that can't be read, or that are too short or of a size that is refused."""
    if sample.audios:
        message = f"{len(sample.audios)} audios, and the model takes none"
        yield rules.NO_AUDIO.found(message, "leave the column out", "audios")
    for index, given in enumerate(sample.videos):
        key = f"videos.{index}"
        if isinstance(given, list):
            problems = list(_frames(given, context, key))
            yield from problems
            if problems:
                continue
        elif isinstance(given, str):
            found = context.probe.look_video(given)
            if found.problem is not None:
                yield _video_problem(found.problem, key)
        else:
            message = f"a video is {kind(given)}"
            yield rules.MEDIA_FORM.found(message, "write the path as a text", key)
            continue
        tokens = video_tokens(given, sample.row, context)
        if tokens is not None and tokens.error is not None:
            name = f"{len(given)} frames" if isinstance(given, list) else shown(given)
            hint = "take a longer one, or lower pixels.video.min_frames, or leave the row out"
            yield rules.VIDEO_SIZE.found(f"{name}: {tokens.error}", hint, key)


def video_tokens(given: Any, row: Mapping[str, Any], context: Context) -> VideoTokens | None:
    """Tokens of a video; None if they can't be told.

    Args:
        given: A path, or a list of pictures.
        row: The loaded row, for its own limits.
        context: Of the run.

    Raises:
        TypeError: If a limit of the row's own is no number.
    """
    vision = context.vision
    if vision is None:
        return None
    limits = context.limits_of(row)
    if isinstance(given, list):
        sizes = _sizes(given, context)
        return None if sizes is None else vision.frame_list(sizes, limits)
    film = context.probe.look_video(given) if isinstance(given, str) else Film()
    return None if film.file is None else vision.video(film.file, limits)


def tokens_of_videos(
    given: Sequence[Any], row: Mapping[str, Any], context: Context
) -> list[VideoTokens] | None:
    """The same for all videos of a row; None if one fails or can't be told."""
    found = [video_tokens(one, row, context) for one in given]
    told = [one for one in found if one is not None and one.error is None]
    return told if len(told) == len(found) else None


def _frames(references: list[Any], context: Context, key: str) -> Iterator[RowProblem]:
    if context.probe.video_reader == "decord_bytes":
        yield _video_problem(problems.frames_refused(len(references)), key)
    for index, reference in enumerate(references):
        if not isinstance(reference, str):
            message = f"a frame is {kind(reference)}"
            yield rules.MEDIA_FORM.found(message, "write the path as a text", f"{key}.{index}")
            continue
        found = context.look(reference)
        if isinstance(found, MediaProblem):
            yield _video_problem(found, f"{key}.{index}")


def _sizes(references: list[Any], context: Context) -> list[tuple[int, int]] | None:
    """Width and height of each frame; None if one is no picture, or frames are not taken."""
    if context.probe.video_reader == "decord_bytes":
        return None
    found = [context.look(one) if isinstance(one, str) else None for one in references]
    sizes = [(one.width, one.height) for one in found if isinstance(one, Picture)]
    return sizes if len(sizes) == len(found) else None


def _video_problem(found: MediaProblem, key: str) -> RowProblem:
    return rules.BY_MEDIA_KIND[found.kind].found(found.message, found.hint, key)


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
    return MediaProbe(
        settings.cwd,
        settings.root_image_dir,
        fetch=settings.fetch,
        allow_private=settings.allow_private,
        open_files=open_files,
        video_reader=settings.video_reader,
    )
