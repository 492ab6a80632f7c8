"""Files in, one file out, in bounded memory."""

from __future__ import annotations

import base64
import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

import msgspec

from vlft.data.convert.convert import Converted, convert_row, fix_row
from vlft.data.convert.draft import RejectError
from vlft.data.convert.media import Places
from vlft.data.convert.pictures import PictureFiles
from vlft.data.convert.report import Report
from vlft.data.convert.rows import open_rows, parse
from vlft.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from vlft.data.convert.convert import SourceForm
    from vlft.data.convert.draft import Row
    from vlft.data.convert.rows import RawRow

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


class PendingFile:
    """A file that takes its name when all is well.

    Used as a context: what is left at its end is thrown away, whatever ended it.

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

    def move_to_top(self, pieces: Iterable[tuple[int, int]]) -> None:
        """Brings pieces, (start, end) in bytes and in order, to the top of the file."""
        pieces = list(pieces)
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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


_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Task:
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
        output = stack.enter_context(PendingFile(task.output))
        rejected = stack.enter_context(PendingFile(task.rejected))
        changed = stack.enter_context(PendingFile(task.report)) if task.report else None
        pictures = stack.enter_context(PictureFiles(task.pictures))
        run = _Run(task, report, output, rejected, changed, pictures)
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


class _Run:
    def __init__(
        self,
        task: Task,
        report: Report,
        output: PendingFile,
        rejected: PendingFile,
        changed: PendingFile | None,
        pictures: PictureFiles,
    ) -> None:
        self._task = task
        self._report = report
        self._output = output
        self._rejected = rejected
        self._changed = changed
        self._pictures = pictures
        self._seen: set[str] = set()
        # Rows that first show a column or key: number, and where they are in the output.
        self._first: list[tuple[int, int, int]] = []

    def take(self, path: Path, advance: Callable[[int], None]) -> None:
        """Converts a file."""
        task, report = self._task, self._report
        places = Places(path.parent, task.cwd, task.root_image_dir)
        before, at = report.rows, 0
        with open_rows(path, self._pictures.put) as rows:
            for raw in rows:
                report.rows = before + raw.number
                advance(raw.end - at)
                at = raw.end
                if raw.broken:
                    self._reject(path, raw, raw.broken)
                    continue
                try:
                    row = parse(raw.raw)
                    done = fix_row(row, places) if task.fix else convert_row(row, task.form, places)
                    if raw.pictures:
                        done = replace(done, changes=(*done.changes, "pictures"))
                    line, found = _encode(done.row), traits(done.row)
                except RejectError as error:
                    self._reject(path, raw, error.reason)
                except UnicodeEncodeError:
                    self._reject(path, raw, "a text has half a character: a lone surrogate")
                except (OverflowError, RecursionError):
                    self._reject(path, raw, "a number is too large, or a value nested too deeply")
                else:
                    self._write(raw, row, done, line, found, path)

    def bring_complete_rows_up(self) -> None:
        """Moves rows with columns that the rows before them lack to the top of the file."""
        if len(self._first) > 1:
            self._output.move_to_top((start, end) for _, start, end in self._first)
            for number, *_ in self._first[1:]:
                self._report.changed(number, ("moved-first",))

    def _write(
        self,
        raw: RawRow,
        row: dict[str, Any],
        done: Converted,
        line: bytes,
        found: frozenset[str],
        path: Path,
    ) -> None:
        report, number = self._report, self._report.rows
        report.written += 1
        report.changed(number, done.changes)
        if done.left:
            report.leave(number, done.left)
        start = self._output.size
        self._output.write(line + b"\n")
        if not found <= self._seen:
            self._seen |= found
            self._first.append((number, start, self._output.size))
        if self._changed and (done.changes or done.left):
            self._tell(raw, path, old=row, new=done.row, changes=done.changes, left=done.left)

    def _reject(self, path: Path, raw: RawRow, reason: str) -> None:
        self._report.refuse(self._report.rows, reason)
        original = _original(raw.raw)
        entry = {"file": str(path), "row": raw.number, "line": raw.line, "reason": reason}
        self._rejected.write(_encode(entry | original) + b"\n")
        if self._changed:
            self._tell(raw, path, rejected=reason)

    def _tell(self, raw: RawRow, path: Path, **more: object) -> None:
        if self._changed:
            entry = {"file": str(path), "row": raw.number, "line": raw.line, **more}
            self._changed.write(_encode(entry) + b"\n")


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
