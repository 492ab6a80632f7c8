"""`vlft data stats`: how long rows are, what their pictures cost, and what a limit would save."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from vlft.data.convert.conversations import draft_of
from vlft.data.convert.convert import move_inline_images
from vlft.data.convert.draft import Columns, RejectError, Row
from vlft.data.convert.rows import parse, read_rows
from vlft.data.media.problems import MediaProblem, Picture
from vlft.data.media.resolve import MediaProbe
from vlft.data.rows.length import A_MESSAGE, A_PICTURE, OVERHEAD, byte_bound
from vlft.data.statistics_report import Choice, Stats
from vlft.data.tokens.render import CountedRow, Turn, object_texts
from vlft.data.tokens.rows import RowTokens, TokenModel, around_videos
from vlft.errors import UsageError
from vlft.models import PixelLimits, SizeError, VideoTokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from vlft.data.media.video import VideoReader

    Size = tuple[int, int]

_TOKENS = (4096, 2048, 1280, 1024, 768, 512, 256, 128, 64)
_TILES = (12, 6, 4, 2, 1)


def choices(model: TokenModel, limits: PixelLimits, asked: Sequence[int]) -> list[Choice]:
    """The run's own limits, and others in their place.

    Args:
        model: Whose pictures are counted.
        limits: Of the run.
        asked: Values to compare, pixels or tiles by family; without any, common ones.

    Raises:
        UsageError: If a value can't be a limit.
    """
    own = Choice("", None, limits, asked=True)
    side = model.vision.side
    if side is None:
        counts = asked or _TILES
        return [own, *(_tiles(limits, count, bool(asked)) for count in counts)]
    square = side**2
    if any(value < 4 * square for value in asked):
        raise UsageError(
            f"a limit is below 4 tokens, {4 * square} pixels", f"write 256*{side}*{side}"
        )
    values = sorted(asked or (tokens * square for tokens in _TOKENS), reverse=True)
    return [own, *(_pixels(limits, value, side, bool(asked)) for value in values)]


def _tiles(limits: PixelLimits, count: int, asked: bool) -> Choice:
    return Choice(f"tiles: {count}", count, replace(limits, max_num=count), asked)


def _pixels(limits: PixelLimits, value: int, side: int, asked: bool) -> Choice:
    tokens, rest = divmod(value, side**2)
    name = f"max: {value}" if rest else f"max: {tokens}*{side}*{side}"
    return Choice(name, value, replace(limits, max_pixels=value, max_tokens=None), asked)


class Measured(Struct, frozen=True):
    """A row, taken apart.

    Attributes:
        turns: Its messages.
        images: References in order.
        videos: References in order.
        audios: How many.
        objects: Boxes and references by key; None if there are none, or of another form.
        limits: The row's own, `chat_template_kwargs`.
        plain: Whether its tokens are all in messages, pictures and videos: no sounds or tools.
    """

    turns: Sequence[Turn]
    images: Sequence[str]
    videos: Sequence[str]
    audios: int
    objects: Mapping[str, Any] | None
    limits: Mapping[str, Any] | None
    plain: bool

    @property
    def text_bound(self) -> int:
        """Tokens beside the pictures' placeholders, at most; no tokenizer is asked."""
        texts = sum(byte_bound(turn.content) + A_MESSAGE for turn in self.turns)
        objects = self.objects or {}
        boxes = sum(16 * len(box) for box in objects.get("bbox") or ())
        names = sum(byte_bound(str(name)) + 2 for name in objects.get("ref") or ())
        return OVERHEAD + texts + A_PICTURE * len(self.images) + boxes + names


def _measured(row: Row) -> Measured:
    """A row of any form that `vlft data convert` knows.

    Raises:
        RejectError: If it is none of them.
    """
    draft = draft_of(Columns(row))
    move_inline_images(draft)
    objects = draft.objects if isinstance(draft.objects, dict) else None
    audios = len(draft.media.get("audios", ()))
    limits = draft.kept.get("chat_template_kwargs")
    turns = [
        Turn(one["role"], one["content"], one.get("loss"), one.get("loss_scale"))
        for one in draft.messages
    ]
    return Measured(
        turns,
        draft.media.get("images", ()),
        draft.media.get("videos", ()),
        audios,
        objects,
        limits if isinstance(limits, dict) else None,
        plain=not audios and "tools" not in draft.kept and not (draft.objects and not objects),
    )


_BATCH = 512  # rows; a tokenizer is faster with many at once
_MAX_SIZES = 100_000  # different sizes whose tokens are remembered


class StatsSettings(Struct, frozen=True):
    """What to count with.

    Attributes:
        model: Arithmetic of pictures.
        tokens: Counts whole rows exactly; None without a tokenizer.
        choices: Pixel limits to compare; the first is the run's own.
        max_length: Of the run, if known.
        cwd: Working directory of the trainer.
        root_image_dir: Its ROOT_IMAGE_DIR, if set.
        video_reader: What it reads videos with.
    """

    model: TokenModel
    tokens: RowTokens | None
    choices: Sequence[Choice]
    max_length: int | None
    cwd: Path
    root_image_dir: Path | None
    video_reader: VideoReader = "decord"


def collect(
    files: Iterable[Path], settings: StatsSettings, advance: Callable[[int], None]
) -> Stats:
    """Measures every row of the files.

    Args:
        files: JSON lines or JSON arrays.
        settings: What to count with.
        advance: Told of bytes read.

    Raises:
        UsageError: If a file is of another kind.
        OSError: If one can't be read.
    """
    stats = Stats(settings.choices, settings.max_length, exact=settings.tokens is not None)
    counter = _Counter(settings, stats)
    for path in files:
        stats.files.append(str(path))
        at, rows = 0, read_rows(path)
        while batch := list(islice(rows, _BATCH)):
            good = []
            for raw in batch:
                advance(raw.end - at)
                at = raw.end
                try:
                    good.append(_measured(parse(raw.raw)))
                except RejectError as error:
                    stats.unread_row(raw.number, error.reason)
            counter.add(good)
    return stats


class _Media(Struct, frozen=True):
    """What the pictures and videos of a row come to.

    Attributes:
        sizes: Of its pictures.
        images: Placeholders of each picture under the limits of the run.
        videos: Each under the limits of the run.
        tokens: Of all pictures and videos, under each choice; None where ms-swift fails on one.
    """

    sizes: list[Size]
    images: list[int]
    videos: list[VideoTokens]
    tokens: list[int | None]


class _Counter:
    """Puts rows into the statistics."""

    def __init__(self, settings: StatsSettings, stats: Stats) -> None:
        self._settings = settings
        self._vision = settings.model.vision
        self._stats = stats
        self._probe = MediaProbe(
            settings.cwd, settings.root_image_dir, video_reader=settings.video_reader
        )
        self._sizes: dict[Size, list[int | None]] = {}

    def add(self, rows: Sequence[Measured]) -> None:
        """Measures a batch."""
        self._probe.look_many([reference for row in rows for reference in row.images])
        measured: list[tuple[Measured, _Media]] = []
        for row in rows:
            self._stats.add_row(len(row.turns), len(row.images), len(row.videos), row.audios)
            media = self._media(row)
            if isinstance(media, str):
                self._stats.unmeasured[media] += 1
            else:
                measured.append((row, media))
        for (row, media), total in zip(measured, self._totals(measured), strict=True):
            own = media.tokens[0] or 0
            if total is None:
                # The prompts of videos between their placeholders, at most.
                around = around_videos(media.videos)
                self._stats.add_tokens(row.text_bound + around, media.tokens, counted=False)
            else:
                self._stats.add_tokens(total - own, media.tokens, counted=True)

    def _media(self, row: Measured) -> _Media | str:
        """The pictures and videos of a row; text why it has no tokens."""
        sizes, videos = self._picture_sizes(row), self._videos(row)
        if sizes is None:
            return "pictures that can't be read or used"
        if row.audios:
            return "sounds"
        if videos is None:
            return "videos that can't be read or counted"
        if any(video.error is not None for video in videos[0]):
            return "videos that ms-swift fails on"
        images = [self._tokens_of(row, size) for size in sizes]
        tokens: list[int | None] = []
        for place, under in enumerate(videos):
            counts = [one[place] for one in images]
            counts += [None if video.error is not None else video.tokens for video in under]
            tokens.append(None if None in counts else sum(filter(None, counts)))
        if tokens[0] is None:
            return "pictures that ms-swift fails on"
        return _Media(sizes, [one[0] or 0 for one in images], videos[0], tokens)

    def _picture_sizes(self, row: Measured) -> list[Size] | None:
        """Sizes of a row's pictures; None if one is none."""
        found = [self._probe.look(reference) for reference in row.images]
        for one in found:
            if isinstance(one, MediaProblem):
                self._stats.problems[one.kind] += 1
            elif isinstance(one, Picture):
                self._stats.add_picture(one)
        sizes = [(one.width, one.height) for one in found if isinstance(one, Picture)]
        return sizes if len(sizes) == len(found) else None

    def _videos(self, row: Measured) -> list[list[VideoTokens]] | None:
        """A row's videos under each choice; None if one can't be read or told."""
        films = [self._probe.look_video(reference) for reference in row.videos]
        for film in films:
            if film.problem is not None:
                self._stats.video_problems[film.problem.kind] += 1
        files = [film.file for film in films if film.file is not None]
        if len(files) < len(films):
            return None
        return [
            [
                self._vision.video(file, choice.limits.with_row(row.limits, has_video=True))
                for file in files
            ]
            for choice in self._settings.choices
        ]

    def _tokens_of(self, row: Measured, size: Size) -> list[int | None]:
        """Tokens of a picture under each choice; None where ms-swift fails on it."""
        limits = [choice.limits for choice in self._settings.choices]
        if row.limits or row.videos:
            has_video = bool(row.videos)
            limits = [one.with_row(row.limits, has_video=has_video) for one in limits]
            return [self._tokens_under(one, size) for one in limits]
        if size not in self._sizes:
            if len(self._sizes) >= _MAX_SIZES:
                self._sizes.clear()
            self._sizes[size] = [self._tokens_under(one, size) for one in limits]
        return self._sizes[size]

    def _tokens_under(self, limits: PixelLimits, size: Size) -> int | None:
        try:
            return self._vision.image_tokens(*size, limits)
        except SizeError:
            return None

    def _totals(self, rows: Sequence[tuple[Measured, _Media]]) -> list[int | None]:
        """Exact tokens of each row under the run's own limits; None where they can't be told."""
        counter = self._settings.tokens
        if counter is None:
            return [None] * len(rows)
        asked = [self._counted_row(*row, counter) if row[0].plain else None for row in rows]
        found = iter(counter.count_many([one for one in asked if one is not None]))
        return [None if one is None else next(found) for one in asked]

    def _counted_row(self, row: Measured, media: _Media, counter: RowTokens) -> CountedRow | None:
        refs: Sequence[str] = ()
        boxes: Sequence[str] = ()
        if row.objects:
            limits = self._settings.choices[0].limits.with_row(row.limits)
            told = counter.template, row.objects, media.sizes, self._vision, limits
            try:
                refs, boxes = object_texts(*told)
            except (IndexError, TypeError, ValueError, ZeroDivisionError):
                return None
        return CountedRow(row.turns, media.images, media.videos, refs, boxes)
