"""What was measured, for people and for programs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from vlft.data.checking.tally import PERCENTILES, Spread
from vlft.output.console import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.data.media.problems import Picture
    from vlft.models import PixelLimits

_WIDTH = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"
_MOST_BARS = 12
_STEPS = (1, 2, 5)


def histogram(spread: Spread) -> list[str]:
    """A line for each range of values: at most a dozen, of round numbers.

    Ranges are equal unless the values span more than three powers of ten; then each range is
    twice the one before it.
    """
    if not spread.counts:
        return []
    low, high = min(spread.counts), max(spread.counts)
    edges = _equal(low, high) if high < max(low, 1) * 1000 else _doubling(low, high)
    bars = [0] * (len(edges) - 1)
    place = 0
    for value in sorted(spread.counts):
        while value >= edges[place + 1]:
            place += 1
        bars[place] += spread.counts[value]
    most = max(bars)
    names = [_range(edges[n], edges[n + 1]) for n in range(len(bars))]
    width = max(map(len, names))
    return [
        f"{name:>{width}}  {_bar(count / most):<{_WIDTH}} {count:,}"
        for name, count in zip(names, bars, strict=True)
    ]


def _range(start: int, end: int) -> str:
    return f"{start:,}" if end == start + 1 else f"{start:,} to {end - 1:,}"


def _bar(share: float) -> str:
    """A bar in eighths of a character; what is there is seen."""
    eighths = max(round(share * _WIDTH * 8), 1 if share else 0)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + _EIGHTHS[rest].strip()


def _equal(low: int, high: int) -> list[int]:
    step = 1
    while (high // step - low // step) >= _MOST_BARS:
        step = next(
            size * 10**power for power in range(20) for size in _STEPS if size * 10**power > step
        )
    start = low // step * step
    return list(range(start, high + step + 1, step))


def _doubling(low: int, high: int) -> list[int]:
    edges = [low, 1 << max(low, 1).bit_length()]
    while edges[-1] <= high:
        edges.append(edges[-1] * 2)
    return edges


class Choice(Struct, frozen=True):
    """A limit that a run may have.

    Attributes:
        name: What to write for it in a config; empty for the limits of the run itself.
        value: Pixels, or tiles; None for the limits of the run itself.
        limits: All limits of such a run.
        asked: Whether the user named it.
    """

    name: str
    value: int | None
    limits: PixelLimits
    asked: bool = False


_SHOWN = 5
_MAX_REASONS = 100


class Stats:
    """Counts of all rows.

    Args:
        choices: Pixel limits to compare; the first is the run's own.
        max_length: Of the run, if known.
        exact: Whether there is a tokenizer.
    """

    def __init__(self, choices: Sequence[Choice], max_length: int | None, *, exact: bool) -> None:
        self.choices = choices
        self.max_length = max_length
        self.with_tokenizer = exact
        self.files: list[str] = []
        self.rows = 0
        self.unread: Counter[str] = Counter()
        self.first_unread: list[int] = []
        self.unmeasured: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()
        self.video_problems: Counter[str] = Counter()
        self.bounded = 0
        self.turns, self.images_a_row = Spread(), Spread()
        self.widths, self.heights, self.pixels = Spread(), Spread(), Spread()
        self.text = Spread()
        self.vision = [Spread() for _ in choices]
        self.total = [Spread() for _ in choices]
        self.failing = [0] * len(choices)
        self.videos = self.audios = 0

    def unread_row(self, number: int, reason: str) -> None:
        """A row that has no known form."""
        self.rows += 1
        known = reason in self.unread or len(self.unread) < _MAX_REASONS
        self.unread[reason if known else "other reasons"] += 1
        if len(self.first_unread) < _SHOWN:
            self.first_unread.append(number)

    def add_row(self, turns: int, images: int, videos: int, audios: int) -> None:
        """A row, without its tokens: how many there are of each."""
        self.rows += 1
        self.turns.add(turns)
        self.images_a_row.add(images)
        self.videos += videos
        self.audios += audios

    def add_picture(self, picture: Picture) -> None:
        """A picture as often as it is named."""
        self.widths.add(picture.width)
        self.heights.add(picture.height)
        self.pixels.add(picture.width * picture.height)

    def add_tokens(self, text: int, vision: Sequence[int | None], *, counted: bool) -> None:
        """Tokens of a row: beside placeholders, and placeholders under each choice.

        None stands for a choice under which ms-swift fails on the row.
        """
        self.bounded += not counted
        self.text.add(text)
        for place, tokens in enumerate(vision):
            if tokens is None:
                self.failing[place] += 1
                continue
            self.vision[place].add(tokens)
            self.total[place].add(text + tokens)

    @property
    def exact(self) -> bool:
        """Whether all tokens were counted."""
        return self.with_tokenizer and not self.bounded

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "files": self.files,
            "rows": self.rows,
            "unread": {
                "count": self.unread.total(),
                "first_rows": self.first_unread,
                "reasons": dict(self.unread),
            },
            "turns": self.turns.to_json(),
            "images": {
                "count": self.pixels.count,
                "rows": self.images_a_row.over(0),
                "a_row": self.images_a_row.to_json(),
                "width": self.widths.to_json(),
                "height": self.heights.to_json(),
                "pixels": self.pixels.to_json(),
                "problems": dict(self.problems),
            },
            "videos": self.videos,
            "video_problems": dict(self.video_problems),
            "audios": self.audios,
            "tokens": {
                "exact": self.exact,
                "rows": self.text.count,
                "bounded_rows": self.bounded,
                "unmeasured": dict(self.unmeasured),
                "text": self.text.to_json(),
                "vision": self.vision[0].to_json(),
                "total": self.total[0].to_json(),
                "max_length": self.max_length,
                "over_max_length": self.over_max_length(0),
            },
            "limits": [self._limit(place) for place in range(len(self.choices))],
        }

    def to_text(self, title: str) -> str:
        """For people."""
        lines = [f"{self.rows:,} rows in {shown(', '.join(self.files))}"]
        if self.unread:
            count = self.unread.total()
            lines.append(f"{count:,} can't be read, the first is row {self.first_unread[0]}: "
                         "`vlft data check` says why")  # fmt: skip
        lines += ["", _header(title)]
        names = (
            ("turns a row", self.turns),
            ("pictures a row", self.images_a_row),
            ("picture width", self.widths),
            ("picture height", self.heights),
            ("text tokens", self.text),
            ("vision tokens", self.vision[0]),
            ("tokens of a row", self.total[0]),
        )
        lines += [_line(name, spread) for name, spread in names if spread.counts]
        lines += self._remarks()
        if self.total[0].counts:
            lines += ["", "tokens of a row", *histogram(self.total[0])]
        if self.vision[0].total:
            lines += ["", *self._table()]
        return "\n".join(lines)

    def _remarks(self) -> list[str]:
        lines = []
        if not self.with_tokenizer:
            lines.append("text tokens are at most this many: name a model folder with --model "
                         "for exact counts")  # fmt: skip
        elif self.bounded:
            lines.append(f"of {self.bounded:,} rows the text tokens are at most this many")
        lines += [f"{count:,} rows without tokens: {why}" for why, count in self.unmeasured.items()]
        for what, found in (("pictures", self.problems), ("videos", self.video_problems)):
            lines += [
                f"{count:,} {what} {kind.replace('_', ' ')}" for kind, count in found.most_common()
            ]
        over = self.over_max_length(0)
        if over is not None and self.total[0].count:
            share = over / self.total[0].count
            are = "are" if self.exact else "may be"
            lines.append(f"{over:,} rows ({share:.1%}) {are} over max_length {self.max_length:,}")
        return lines

    def over_max_length(self, place: int) -> int | None:
        """Rows that do not fit under a choice; None without a limit."""
        return None if self.max_length is None else self.total[place].over(self.max_length)

    def _saved(self, place: int) -> float | None:
        """Share of the tokens now; None if not every row has its tokens."""
        now = self.total[0].total
        if self.failing[place]:
            return None
        return round(1 - self.total[place].total / now, 4) if now else 0.0

    def _limit(self, place: int) -> dict[str, Any]:
        choice = self.choices[place]
        return {
            "limit": choice.name or "now",
            "value": choice.value,
            "vision_tokens": self.vision[place].total,
            "tokens": self.total[place].total,
            "saved": self._saved(place),
            "failing_rows": self.failing[place],
            "total": self.total[place].to_json(),
            "over_max_length": self.over_max_length(place),
        }

    def _table(self) -> list[str]:
        over = self.max_length is not None
        head = (
            f"{'pixels':<16}{'vision tokens':>16}{'all tokens':>16}{'saved':>8}{'longest row':>13}"
        )
        lines = [head + (f"{'too long':>10}" if over else "")]
        for place, choice in enumerate(self.choices):
            saved = self._saved(place)
            if saved is None:
                if choice.asked:
                    lines.append(f"{choice.name:<16}ms-swift fails on {self.failing[place]:,} rows")
                continue
            if not choice.asked and self.vision[place].total == self.vision[0].total:
                continue
            longest = max(self.total[place].counts)
            line = (
                f"{choice.name or 'now':<16}{self.vision[place].total:>16,}"
                f"{self.total[place].total:>16,}{saved:>8.1%}{longest:>13,}"
            )
            lines.append(line + (f"{self.over_max_length(place):>10,}" if over else ""))
        return lines


def _header(title: str) -> str:
    names = "".join(f"{name:>9}" for name in (*(f"p{one}" for one in PERCENTILES), "max", "mean"))
    return f"{title:<16}{names}"


def _line(name: str, spread: Spread) -> str:
    found = spread.to_json() or {}
    values = [found[f"p{one}"] for one in PERCENTILES]
    return f"{name:<16}" + "".join(f"{one:>9,}" for one in [*values, found["max"], found["mean"]])
