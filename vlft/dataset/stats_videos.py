"""What the videos of a row come to, under each pixel limit that is compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.dataset.tokens.rows import video_bound

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from vlft.dataset.media import MediaProbe
    from vlft.dataset.stats_limits import Choice
    from vlft.dataset.stats_rows import Measured
    from vlft.families import VideoFile, VideoTokens, Vision


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

    def under_each(
        self, row: Measured, files: Sequence[VideoFile]
    ) -> list[list[VideoTokens]] | None:
        """Tokens of each video under each choice; None if ms-swift fails on one."""
        made = [
            [
                self._vision.video(file, choice.limits.with_row(row.limits, has_video=True))
                for file in files
            ]
            for choice in (self._choices if files else ())
        ]
        failed = any(video.error is not None for videos in made for video in videos)
        return None if failed else made


def around(videos: Sequence[VideoTokens]) -> int:
    """Tokens of the prompts between placeholders, at most."""
    return sum(video_bound(video) - video.tokens for video in videos)
