"""Files in, one file out, in bounded memory."""

from __future__ import annotations

import base64
import os
from contextlib import ExitStack, closing, suppress
from typing import IO, TYPE_CHECKING, Any

import msgspec
from msgspec import Struct, field

from vlft.data.convert.convert import SourceForm, convert_row, fix_row
from vlft.data.convert.draft import Change, RejectError, Row
from vlft.data.convert.media import PictureFiles, Places
from vlft.data.convert.report import Report
from vlft.data.convert.rows import RawRow, parse, read_rows
from vlft.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vlft.data.convert.rows import Keep

    Place = dict[str, object]

_encode = msgspec.json.Encoder().encode


class Task(Struct, frozen=True):
    """What to convert.

    Attributes:
        inputs: JSON lines, JSON arrays, CSV or Parquet, in order.
        output: JSON lines.
        form: What the rows are.
        fix: Only mend rows of messages.
        report: File for the old and the new form of each row that was changed.
        cwd: Working directory of the trainer.
        root_image_dir: Its ROOT_IMAGE_DIR, if set.
    """

    inputs: Sequence[Path]
    output: Path
    form: SourceForm
    fix: bool
    report: Path | None
    cwd: Path
    root_image_dir: Path | None

    @property
    def pictures(self) -> Path:
        """Folder of the pictures that stood in Parquet files."""
        return self.output.with_name(f"{self.output.stem}.images")

    @property
    def rejected(self) -> Path:
        """Rows that can't be converted."""
        return self.output.with_name(f"{self.output.stem}.rejected.jsonl")


def convert_files(task: Task, advance: Callable[[int], None]) -> Report:
    """Converts; nothing is left behind if it does not come to its end.

    Args:
        task: What to convert.
        advance: Told of bytes read.

    Raises:
        UsageError: If a file would be written over that is read.
        OSError: If a file can't be read or written.
    """
    _check_names(task)
    report = Report(str(task.output))
    with ExitStack() as stack:

        def pending(path: Path) -> _PendingFile:
            return stack.enter_context(closing(_PendingFile(path)))

        output, rejected = pending(task.output), pending(task.rejected)
        changed = pending(task.report) if task.report else None
        pictures = stack.enter_context(closing(PictureFiles(task.pictures)))
        run = _Run(task, report, output, rejected, changed, pictures.put)
        for path in task.inputs:
            run.take(path, advance)
        run.bring_complete_rows_up()
        if report.written:
            output.keep()
            pictures.keep()
        else:
            report.output = None
        if report.rejected:
            rejected.keep()
            report.rejected_file = str(task.rejected)
        else:
            task.rejected.unlink(missing_ok=True)  # of an earlier run
        if changed:
            changed.keep()
    return report


class _Run(Struct):
    """Rows on their way into files.

    Attributes:
        task, report, output, rejected, changed: See `convert_files`.
        keep: Names a picture that stands in a row, by its bytes.
        seen: Traits of the rows so far.
        first: Rows that first show a column or key: number, and where they are in the output.
    """

    task: Task
    report: Report
    output: _PendingFile
    rejected: _PendingFile
    changed: _PendingFile | None
    keep: Keep
    seen: set[str] = field(default_factory=set)
    first: list[tuple[int, int, int]] = field(default_factory=list)

    def take(self, path: Path, advance: Callable[[int], None]) -> None:
        """Converts a file."""
        places = Places(path.parent, self.task.cwd, self.task.root_image_dir)
        before, at = self.report.rows, 0
        for raw in read_rows(path, self.keep):
            self.report.rows = before + raw.number
            advance(raw.end - at)
            at = raw.end
            place = {"file": str(path), "row": raw.number, "line": raw.line}
            try:
                self._convert(raw, place, places)
            except RejectError as error:
                self._reject(raw, place, error.reason)
            except UnicodeEncodeError:
                self._reject(raw, place, "a text has half a character: a lone surrogate")
            except (OverflowError, RecursionError):
                self._reject(raw, place, "a number is too large, or a value nested too deeply")

    def bring_complete_rows_up(self) -> None:
        """Moves rows with columns that the rows before them lack to the top of the file."""
        if len(self.first) > 1:
            self.output.move_to_top([(start, end) for _, start, end in self.first])
            for number, *_ in self.first[1:]:
                self.report.changed(number, [Change.MOVED_FIRST])

    def _convert(self, raw: RawRow, place: Place, places: Places) -> None:
        if raw.broken:
            raise RejectError(raw.broken)
        row = parse(raw.raw)
        fix, form = self.task.fix, self.task.form
        done = fix_row(row, places) if fix else convert_row(row, form, places)
        if raw.pictures:
            done.changes.append(Change.PICTURES)
        line, found = _encode(done.row), traits(done.row)
        changes = [change.key for change in done.changes]
        told = {"old": row, "new": done.row, "changes": changes, "left": done.left}
        note = _encode(place | told) if self.changed else b""
        report, number, start = self.report, self.report.rows, self.output.size
        report.written += 1
        report.changed(number, done.changes)
        if done.left:
            report.leave(number, done.left)
        self.output.write(line + b"\n")
        if not found <= self.seen:
            self.seen |= found
            self.first.append((number, start, self.output.size))
        if self.changed and (done.changes or done.left):
            self.changed.write(note + b"\n")

    def _reject(self, raw: RawRow, place: Place, reason: str) -> None:
        self.report.refuse(self.report.rows, reason)
        entry = place | {"reason": reason} | _original(raw.raw)
        self.rejected.write(_encode(entry) + b"\n")
        if self.changed:
            self.changed.write(_encode(place | {"rejected": reason}) + b"\n")


_PLAIN = ("role", "content")


def traits(row: Row) -> frozenset[str]:
    """The places of a row that hold a value, each with the kind of value."""
    return frozenset(_walk(row, ""))


def _walk(value: Any, place: str) -> Iterator[str]:
    if value is None:
        return
    if isinstance(value, dict):
        if tuple(value) == _PLAIN:  # nearly every message
            yield f"{place}.message"
            return
        for key, inner in value.items():
            yield from _walk(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, f"{place}[]")
    else:
        yield f"{place}:{type(value).__name__}"


_BLOCK = 1 << 20


class _PendingFile:
    """A file that takes its name when all is well.

    What is left when it is closed is thrown away, whatever ended it.

    Args:
        path: Where it will be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}")
        self._stream: IO[bytes] = self._temporary.open("w+b")

    def write(self, data: bytes) -> None:
        """Appends."""
        self._stream.write(data)
        self.size += len(data)

    def move_to_top(self, pieces: Sequence[tuple[int, int]]) -> None:
        """Brings pieces, (start, end) in bytes and in order, to the top of the file."""
        target = self._temporary.with_name(f"{self._temporary.name}.sorted")
        try:
            with target.open("wb") as out:
                for start, end in pieces:
                    self._copy(out, start, end)
                at = 0
                for start, end in [*pieces, (self.size, self.size)]:
                    self._copy(out, at, start)
                    at = end
            target.replace(self._temporary)
        finally:
            with suppress(OSError):
                target.unlink(missing_ok=True)

    def keep(self) -> None:
        """Gives the file its name.

        Raises:
            OSError: If the disk is full.
        """
        self._stream.flush()
        with self._temporary.open("rb") as written:
            os.fsync(written.fileno())
        self._temporary.replace(self.path)

    def close(self) -> None:
        """Throws away what has not got its name."""
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _copy(self, out: IO[bytes], start: int, end: int) -> None:
        self._stream.seek(start)
        while start < end:
            block = self._stream.read(min(_BLOCK, end - start))
            out.write(block)
            start += len(block)


def _original(raw: bytes) -> dict[str, str]:
    """The bytes of a row, exactly; in base64 where they are no text."""
    try:
        return {"original": raw.decode()}
    except UnicodeDecodeError:
        return {"original_base64": base64.b64encode(raw).decode()}


def _check_names(task: Task) -> None:
    written = [task.output, task.rejected, *([task.report] if task.report else [])]
    for path in written:
        for read in task.inputs:
            if path.absolute() == read.absolute() or (path.exists() and path.samefile(read)):
                raise UsageError(f"{path} is read, and would be written over", "name another file")
    if len({path.absolute() for path in written}) < len(written):
        raise UsageError(f"{task.report} is written twice", "name another file for --report")
