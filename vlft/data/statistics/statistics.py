"""`vlft data stats`: how long rows are, what their pictures cost, and what a limit would save."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from vlft.data.convert.draft import RejectError
from vlft.data.convert.rows import open_rows, parse
from vlft.data.media.resolve import MediaProbe
from vlft.data.media.verdicts import MediaProblem, Picture
from vlft.data.statistics.measures import Measured, measured
from vlft.data.statistics.report import Stats
from vlft.data.tokens.render import CountedRow, object_texts
from vlft.data.tokens.rows import around_videos
from vlft.models import SizeError

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from vlft.data.media.video import VideoReader
    from vlft.data.statistics.measures import Choice
    from vlft.data.tokens.factory import TokenModel
    from vlft.data.tokens.rows import RowTokens
    from vlft.models import PixelLimits, VideoFile, VideoTokens, Vision


@dataclass(frozen=True, slots=True)
class _Videos:
    """The videos of a row.

    Attributes:
        own: Each of them under the limits of the run.
        tokens: Of all under each choice; None where ms-swift fails on one.
    """

    own: list[VideoTokens]
    tokens: list[int | None]


class VideoCounter:
    """Counts the videos of rows.

    Args:
        probe: Looks files up.
        vision: The model's.
        choices: Pixel limits to compare; the first is the run's own.
        problems: Told of each video with a problem, by its kind.
    """

    def __init__(
        self,
        probe: MediaProbe,
        vision: Vision,
        choices: Sequence[Choice],
        problems: Counter[str],
    ) -> None:
        self._probe = probe
        self._vision = vision
        self._choices = choices
        self._problems = problems

    def files(self, row: Measured) -> list[VideoFile] | None:
        """A row's videos; None if one can't be read or told."""
        films = [self._probe.look_video(reference) for reference in row.videos]
        for film in films:
            if film.problem is not None:
                self._problems[film.problem.kind] += 1
        files = [film.file for film in films if film.file is not None]
        return files if len(files) == len(films) else None

    def under_each(self, row: Measured, files: Sequence[VideoFile]) -> _Videos:
        """The videos of a row under each choice."""
        made = [
            [
                self._vision.video(file, choice.limits.with_row(row.limits, has_video=True))
                for file in files
            ]
            for choice in self._choices
        ]
        failed = [any(video.error is not None for video in videos) for videos in made]
        return _Videos(
            made[0],
            [
                None if bad else sum(video.tokens for video in videos)
                for videos, bad in zip(made, failed, strict=True)
            ],
        )


_BATCH = 512  # rows; a tokenizer is faster with many at once
_MAX_SIZES = 100_000  # different sizes whose tokens are remembered


@dataclass(frozen=True, slots=True)
class StatsSettings:
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
        at = 0
        with open_rows(path) as rows:
            while batch := list(islice(rows, _BATCH)):
                good = []
                for raw in batch:
                    advance(raw.end - at)
                    at = raw.end
                    try:
                        good.append(measured(parse(raw.raw)))
                    except RejectError as error:
                        stats.unread_row(raw.number, error.reason)
                counter.add(good)
    return stats


class _Counter:
    """Puts rows into the statistics."""

    def __init__(self, settings: StatsSettings, stats: Stats) -> None:
        self._settings = settings
        self._stats = stats
        self._probe = MediaProbe(
            settings.cwd, settings.root_image_dir, video_reader=settings.video_reader
        )
        self._videos = VideoCounter(
            self._probe, settings.model.vision, settings.choices, stats.video_problems
        )
        self._sizes: dict[tuple[int, int], list[int | None]] = {}

    def add(self, rows: Sequence[Measured]) -> None:
        """Measures a batch."""
        self._probe.look_many([reference for row in rows for reference in row.images])
        pictures = [self._pictures(row) for row in rows]
        videos = [self._films(row) for row in rows]
        totals = self._totals(rows, pictures, videos)
        for row, sizes, films, total in zip(rows, pictures, videos, totals, strict=True):
            self._stats.add_row(row)
            if sizes is None:
                self._stats.unmeasured["pictures that can't be read or used"] += 1
                continue
            if row.audios:
                self._stats.unmeasured["sounds"] += 1
                continue
            if isinstance(films, str):
                self._stats.unmeasured[films] += 1
                continue
            vision = _sums([films.tokens, *(self._tokens_of(row, size) for size in sizes)])
            if vision[0] is None:
                self._stats.unmeasured["pictures that ms-swift fails on"] += 1
                continue
            text = row.text_bound + around_videos(films.own) if total is None else total - vision[0]
            self._stats.add_tokens(text, vision, counted=total is not None)

    def _films(self, row: Measured) -> _Videos | str:
        """A row's videos under each choice; text why they have no tokens."""
        files = self._videos.files(row)
        if files is None:
            return "videos that can't be read or counted"
        made = self._videos.under_each(row, files)
        return "videos that ms-swift fails on" if made.tokens[0] is None else made

    def _pictures(self, row: Measured) -> list[tuple[int, int]] | None:
        """Sizes of a row's pictures; None if one is none."""
        found = [self._probe.look(reference) for reference in row.images]
        for one in found:
            if isinstance(one, MediaProblem):
                self._stats.problems[one.kind] += 1
            elif isinstance(one, Picture):
                self._stats.add_picture(one)
        sizes = [(one.width, one.height) for one in found if isinstance(one, Picture)]
        return sizes if len(sizes) == len(found) else None

    def _tokens_of(self, row: Measured, size: tuple[int, int]) -> list[int | None]:
        """Tokens of a picture under each choice; None where ms-swift fails on it."""
        if row.limits or row.videos:
            has_video = bool(row.videos)
            return self._under_each(
                size, lambda limits: limits.with_row(row.limits, has_video=has_video)
            )
        if size not in self._sizes:
            if len(self._sizes) >= _MAX_SIZES:
                self._sizes.clear()
            self._sizes[size] = self._under_each(size, lambda limits: limits)
        return self._sizes[size]

    def _under_each(
        self, size: tuple[int, int], adapt: Callable[[PixelLimits], PixelLimits]
    ) -> list[int | None]:
        def tokens(limits: PixelLimits) -> int | None:
            try:
                return self._settings.model.vision.image_tokens(*size, limits)
            except SizeError:
                return None

        return [tokens(adapt(choice.limits)) for choice in self._settings.choices]

    def _totals(
        self,
        rows: Sequence[Measured],
        pictures: Sequence[list[tuple[int, int]] | None],
        videos: Sequence[_Videos | str],
    ) -> list[int | None]:
        """Exact tokens of each row under the run's own limits; None where they can't be told."""
        counter = self._settings.tokens
        if counter is None:
            return [None] * len(rows)
        asked = [
            None
            if sizes is None or isinstance(films, str) or not row.plain
            else self._counted_row(row, sizes, films.own, counter)
            for row, sizes, films in zip(rows, pictures, videos, strict=True)
        ]
        found = iter(counter.count_many([one for one in asked if one is not None]))
        return [None if one is None else next(found) for one in asked]

    def _counted_row(
        self,
        row: Measured,
        sizes: list[tuple[int, int]],
        videos: Sequence[VideoTokens],
        counter: RowTokens,
    ) -> CountedRow | None:
        placeholders = [
            tokens for size in sizes if (tokens := self._tokens_of(row, size)[0]) is not None
        ]
        if len(placeholders) < len(sizes):
            return None
        refs: Sequence[str] = ()
        boxes: Sequence[str] = ()
        if row.objects:
            limits = self._settings.choices[0].limits.with_row(row.limits)
            seen = [self._settings.model.vision.image(*size, limits).resized for size in sizes]
            resized = [(one[1], one[0]) if one else (0, 0) for one in seen]
            try:
                refs, boxes = object_texts(counter.template, row.objects, sizes, resized)
            except (IndexError, TypeError, ValueError, ZeroDivisionError):
                return None
        return CountedRow(row.turns, placeholders, videos, refs, boxes)


def _sums(tokens: Sequence[Sequence[int | None]]) -> list[int | None]:
    """Totals under each choice; None where one is None."""
    return [
        None if any(one is None for one in column) else sum(filter(None, column))
        for column in zip(*tokens, strict=True)
    ]
