"""Where runs are: an index in the user's state folder, one small file a run.

A file a run needs no lock: two vlft at once never write the same one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from vlft.errors import UsageError
from vlft.files import write_text
from vlft.runs.record import Run, read_run

if TYPE_CHECKING:
    from collections.abc import Iterable


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
