"""The record of a run, in its folder, and the index of all runs.

    run.json              what was started, written once before the trainer
    config.yaml           the config as written (bases beside it), secrets masked
    config.resolved.yaml  the same with `extends` and `--set` applied
    plan.json             the plan
    process.json          the supervisor's and the trainer's pid
    stdout.log stderr.log what the trainer said
    outcome.json          how it ended, written once by the supervisor
    launcher.json         the pid of the vlft that started it, and its machine
    .room                 16 KiB of zeros until the end: see vlft.runs.attempts
    job.json              in place of process.json, where another engine has the run
    attempt-2/ …          the last five again, of a run that was resumed
    checkpoints/          ms-swift's output folder

Nothing is written twice, so no crash can leave a half-changed record: a run without
outcome.json is running, or its supervisor is gone.

The index is a folder of the user's state with one small file a run, which needs no lock: two vlft
at once never write the same one.
"""

from __future__ import annotations

import os
import secrets
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import platformdirs
import xxhash
from msgspec import Struct

from vlft.engines.traits import traits_of
from vlft.errors import UsageError
from vlft.files import read_json, write_text
from vlft.plan import Plan
from vlft.probe.trainer_checkpoint import unsaved_part
from vlft.runs.attempts import engine_of, last_attempt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SPAN = 1024 * 1024


class Fingerprint(Struct, frozen=True):
    """A file at the time of the run.

    Attributes:
        path: Absolute path.
        bytes: Size.
        modified: ISO 8601, UTC.
        xxh3: Hash of the first and the last MiB, hexadecimal.
    """

    path: str
    bytes: int
    modified: str
    xxh3: str


def fingerprint(path: Path) -> Fingerprint:
    """Reads at most 2 MiB.

    Raises:
        OSError: If the file can't be read.
    """
    status = path.stat()
    digest = xxhash.xxh3_64()
    with path.open("rb") as stream:
        digest.update(stream.read(_SPAN))
        if status.st_size > _SPAN:
            stream.seek(max(_SPAN, status.st_size - _SPAN), os.SEEK_SET)
            digest.update(stream.read(_SPAN))
    modified = datetime.fromtimestamp(status.st_mtime, tz=timezone.utc)
    return Fingerprint(
        str(path), status.st_size, modified.isoformat(timespec="seconds"), digest.hexdigest()
    )


Status = Literal["starting", "running", "finished", "failed", "stopped", "killed"]

GOING_ON: Final = ("running", "starting")
_ENDED = frozenset({"finished", "failed", "stopped", "killed"})

CHECKPOINTS = "checkpoints"
RUN_FILE = "run.json"


class Run(Struct, frozen=True):
    """A run that was found again.

    Attributes:
        folder: The run's folder.
        record: run.json as plain data, which `create_run` wrote; {} if it can't be read.
        status: How it is, or how its last attempt ended.
        outcome: outcome.json of the last attempt as plain data; {} while there is none.
        attempt: Folder of the last attempt: the run's own, or one in it.
    """

    folder: Path
    record: Mapping[str, Any]
    status: Status
    outcome: Mapping[str, Any]
    attempt: Path

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def started(self) -> str:
        """ISO 8601; empty if the record can't be read."""
        return str(self.record.get("started", ""))

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """Checkpoint folders, by step; those that were not saved to their end too."""
        found = (self.folder / CHECKPOINTS).glob("checkpoint-*")
        steps = {path: path.name.rpartition("-")[2] for path in found if path.is_dir()}
        saved = [path for path, step in steps.items() if step.isdecimal()]
        return tuple(sorted(saved, key=lambda path: int(steps[path])))

    @property
    def whole_checkpoints(self) -> tuple[Path, ...]:
        """Those of `checkpoints` that were saved to their end."""
        plan = self.plan()
        world_size = None if plan is None else plan.world.world_size
        return tuple(path for path in self.checkpoints if unsaved_part(path, world_size) is None)

    def plan(self) -> Plan | None:
        """The plan; None if it can't be read."""
        return read_plan(read_json(self.folder / "plan.json"))

    def to_json(self) -> dict[str, Any]:
        """The documented row of `vlft runs list --format json`."""
        return {
            "id": self.id,
            "name": self.record.get("name", self.id),
            "status": self.status,
            "config": self.record.get("config"),
            "started": self.record.get("started"),
            "ended": self.outcome.get("ended"),
            "exit_code": self.outcome.get("exit_code"),
            "checkpoints": [str(path) for path in self.checkpoints],
            "output_dir": str(self.folder),
        }


def read_plan(data: Mapping[str, Any] | None) -> Plan | None:
    """A plan from its plain data; None if there is none that can be read."""
    try:
        return None if data is None else Plan.from_json(dict(data))
    except (KeyError, TypeError):
        return None


def new_run_id(name: str, now: datetime) -> str:
    """An id that sorts by time and does not repeat."""
    return f"{name}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def utc_now() -> datetime:
    """The time, aware of its zone."""
    return datetime.now(tz=timezone.utc)


def read_run(folder: Path) -> Run | None:
    """The run in a folder; None if the folder holds none."""
    if not (folder / RUN_FILE).is_file():
        return None
    attempt = last_attempt(folder)
    record = read_json(folder / RUN_FILE) or {}
    status, outcome = _status(attempt, record)
    return Run(folder, record, status, outcome, attempt)


def _status(attempt: Path, record: Mapping[str, Any]) -> tuple[Status, Mapping[str, Any]]:
    """How an attempt is, and its outcome; {} while there is none."""
    outcome = _outcome(attempt)
    if outcome:
        return outcome["status"], outcome
    state = traits_of(engine_of(attempt)).status(attempt, record)
    if state != "gone":
        return state, {}
    outcome = _outcome(attempt)  # it may have ended while the engine was asked
    return (outcome["status"], outcome) if outcome else ("killed", {})


def _outcome(attempt: Path) -> Mapping[str, Any]:
    outcome = read_json(attempt / "outcome.json") or {}
    status = outcome.get("status")
    return outcome if isinstance(status, str) and status in _ENDED else {}


def remember(folder: Path) -> None:
    """Adds a run to the index. A state folder that can't be written is no reason to stop."""
    try:
        index = _index()
        index.mkdir(parents=True, exist_ok=True)
        write_text(index / folder.name, f"{folder}\n")
    except OSError:
        return


def forget(folder: Path) -> None:
    """Takes a run out of the index."""
    (_index() / folder.name).unlink(missing_ok=True)


def list_runs(output_dirs: Iterable[Path] = ()) -> list[Run]:
    """All runs of the index and in the given folders, the newest first."""
    folders = {folder for output_dir in output_dirs for folder in _children(output_dir)}
    for entry in filter(Path.is_file, _children(_index())):
        try:
            folders.add(Path(entry.read_text(encoding="utf-8").strip()))
        except (OSError, ValueError):
            continue
    runs = [run for run in map(_readable, sorted(folders)) if run is not None]
    return sorted(runs, key=lambda run: (run.started, run.id), reverse=True)


def _readable(folder: Path) -> Run | None:
    """The run in a folder; None if there is none, or it is out of reach."""
    try:
        return read_run(folder)
    except (OSError, ValueError):  # no permission, a disk that is gone, no name for a folder
        return None


def find_run(name: str) -> Run:
    """A run by its id, the start of its id, or its folder.

    Raises:
        UsageError: If there is none, or the start fits several.
    """
    run = _readable(Path(name).expanduser().absolute())
    if run is not None:
        return run
    fitting = [run for run in list_runs() if run.id.startswith(name)]
    exact = [run for run in fitting if run.id == name]
    if len(exact or fitting) == 1:
        return (exact or fitting)[0]
    if fitting:
        raise UsageError(
            f"`{name}` fits {len(fitting)} runs: " + ", ".join(run.id for run in fitting[:4]),
            "write more of the id",
        )
    raise UsageError(f"there is no run `{name}`", "vlft runs list")


def run_of(path: Path) -> Run | None:
    """The run that a folder belongs to: itself, or one of its checkpoints or exports."""
    for folder in (path, path.parent, path.parent.parent):
        run = read_run(folder)
        if run is not None:
            return run
    return None


def _index() -> Path:
    return Path(platformdirs.user_state_dir("vlft", appauthor=False), "runs")


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
