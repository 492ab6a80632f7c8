"""Everything that vlft prints: results on stdout, messages on stderr. No other module does.

Text from outside goes through `shown()`. Whatever is printed loses, as a last line of defense,
the secrets that this process has met, and what a terminal would obey.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from rich.progress import Progress

# Control characters, C1, what changes the direction of text, what has no width, lone surrogates.
_UNSAFE: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff"
)
_IN_LINE: Final = f"[\t\n{_UNSAFE}]"
_IN_TEXT: Final = f"[{_UNSAFE}]"
_BESIDE_COLORS: Final = rf"\x1b\[[0-9;]*m|[{_UNSAFE}]"

_scanned = False


def shown(text: str) -> str:
    """Text from outside as one line that is safe to print: the rest stands as escapes."""
    if text.isprintable():
        return text
    return re.sub(_IN_LINE, lambda match: _escaped(match[0]), text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def write(text: str, *, colors: bool = False) -> None:
    """A result, on stdout; see `put`."""
    put(sys.stdout, text + "\n", colors=colors)


def write_document(text: str) -> None:
    """The text of a file, on stdout as it is: a config, a script, a manifest."""
    _put(sys.stdout, _without_secrets(text))


def write_json(value: object, *, indent: int | None = 2) -> None:
    """A result for programs, on stdout."""
    _put(sys.stdout, json_text(value, indent=indent) + "\n")


def json_text(value: object, *, indent: int | None = None) -> str:
    """JSON that is safe to print: what a terminal would obey stands as escapes."""
    import json

    from vlft.security.secrets import plain

    text = json.dumps(value, indent=indent, ensure_ascii=False, default=plain)
    if _without_secrets(text) != text:
        text = json.dumps(_masked(json.loads(text)), indent=indent, ensure_ascii=False)
    if text.isascii() and "\x7f" not in text:
        return text
    return re.sub(
        _IN_TEXT, lambda match: json.dumps(match[0])[1:-1].replace("\x7f", "\\u007f"), text
    )


def note(text: str, *, colors: bool = False) -> None:
    """A message, on stderr; see `put`."""
    put(sys.stderr, text + "\n", colors=colors)


class _Stderr:
    """Stderr as `logging` writes to it."""

    def write(self, text: str) -> None:
        """Prints a message."""
        put(sys.stderr, text)

    def flush(self) -> None:
        """Nothing is held back."""


def show_log(*, verbose: bool) -> None:
    """Shows the log of vlft on stderr: what is being done, or with `verbose` each step of it."""
    import logging

    logger = logging.getLogger("vlft")
    logger.handlers = [logging.StreamHandler(_Stderr())]
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)


def error(message: str, hint: str | None = None) -> None:
    """What went wrong, on stderr, and what to do about it."""
    note(f"vlft: {shown(message)}")
    if hint:
        note(f"    → {shown(hint)}")


def ask(question: str) -> str:
    """Asks on stderr until there is an answer."""
    import typer

    answer: str = typer.prompt(shown(question), err=True)
    return answer


def confirm(question: str, *, abort: bool = False) -> bool:
    """Asks on stderr; False, or the end of the command, for anything but a yes."""
    import typer

    return typer.confirm(shown(_without_secrets(question)), abort=abort, err=True)


def put(stream: TextIO | None, text: str, *, colors: bool = False) -> None:
    """Text on a stream, as safe as on stdout.

    Args:
        stream: Where to; None for one that the caller has closed.
        text: Lines.
        colors: Whether terminal colors in the text are vlft's own and stay.
    """
    text = _without_secrets(text)
    if not text.replace("\n", "").replace("\t", "").isprintable():
        text = re.sub(
            _BESIDE_COLORS if colors else _IN_TEXT,
            lambda match: match[0] if len(match[0]) > 1 else _escaped(match[0]),
            text,
        )
    _put(stream, text)


def _put(stream: TextIO | None, text: str) -> None:
    if stream is None:
        return
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def _without_secrets(text: str) -> str:
    """A text without the secrets that this process has met."""
    global _scanned  # noqa: PLW0603 - once a process
    from vlft.security.secrets import mask_met

    if not _scanned:
        from vlft.environment import ENVIRON

        ENVIRON.remember_secrets()
        _scanned = True
    return mask_met(text)


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {_masked(key): _masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return list(map(_masked, value))
    return _without_secrets(value) if isinstance(value, str) else value


def flush() -> None:
    """Writes what is still held.

    Raises:
        OSError, ValueError: If nobody takes it.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # None: the caller has closed it
            stream.flush()


def stdout() -> TextIO:
    """Stdout, for `put`."""
    return sys.stdout or _nowhere()


def stderr() -> TextIO:
    """Stderr, for `put` and for a progress bar."""
    return sys.stderr or _nowhere()


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - open to the end


def is_dialogue() -> bool:
    """Whether somebody types at a terminal and reads there."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


_PATIENCE: Final = 1.0
"""Seconds before a bar is drawn."""
_EVERY: Final = 0.1
"""Seconds between two looks of it."""


@contextlib.contextmanager
def progress(total: int, title: str) -> Iterator[Callable[[int], None]]:
    """Yields what is told of each further amount that is done with; a bar shows it on a terminal.

    Args:
        total: Of bytes, or whatever is counted.
        title: What is being done.
    """
    if not stderr().isatty():
        yield lambda _: None
        return
    done, due = 0, time.monotonic() + _PATIENCE
    with contextlib.ExitStack() as screen:
        bar: Progress | None = None

        def advance(size: int) -> None:
            nonlocal done, due, bar
            done += size
            if time.monotonic() < due:
                return
            due = time.monotonic() + _EVERY
            if bar is None:
                from rich.progress import Progress

                bar = screen.enter_context(Progress(console=rich_console(), transient=True))
                bar.add_task(title, total=total)
            bar.update(bar.task_ids[0], completed=min(done, total))

        yield advance


def rich_console(stream: TextIO | None = None) -> Console:
    """Where a bar is drawn: on stderr, or on another stream."""
    from rich.console import Console

    return Console(file=stream) if stream is not None else Console(stderr=True)
