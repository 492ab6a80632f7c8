"""What a command that works on results is pointed at: a run, a checkpoint or a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from msgspec import Struct

from vlft.config.source import absolute
from vlft.errors import UsageError, VlftError
from vlft.files import read_json
from vlft.probe.checkpoint import Checkpoint, read_checkpoint
from vlft.runs.exports import exported_plan
from vlft.runs.record import Run, find_run, list_runs, read_run, run_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.plan import Plan


class ExportSettings(Struct, frozen=True):
    """What merge, eval and infer go by where no flag says otherwise.

    Attributes:
        quant_bits: Bits of the quantisation; None for none.
        quant_method: How; None lets vlft choose.
        python: Interpreter that exports, absolute; None for the one that trained.
        dataset: Files to calibrate on, absolute; None for the training rows.
        rows: Rows to calibrate on; None for vlft's own number.
    """

    quant_bits: int | None = None
    quant_method: str | None = None
    python: str | None = None
    dataset: tuple[str, ...] | None = None
    rows: int | None = None


def read_settings(section: object, folders: list[Path]) -> ExportSettings:
    """The section as settings.

    Args:
        section: `export:` as plain data.
        folders: Where relative paths may start from, the config file's first.
    """
    data: Mapping[str, Any] = section if isinstance(section, dict) else {}
    dataset = data.get("dataset")
    files = [dataset] if isinstance(dataset, str) else dataset
    python = data.get("python")
    return ExportSettings(
        quant_bits=data.get("quant_bits"),
        quant_method=data.get("quant_method"),
        python=_found(python, folders) if isinstance(python, str) and os.sep in python else python,
        dataset=None if files is None else tuple(_found(str(file), folders) for file in files),
        rows=data.get("rows"),
    )


def _found(text: str, folders: list[Path]) -> str:
    paths = [absolute(text, folder) for folder in folders]
    there = next((path for path in paths if path.exists()), None)
    return str(there or (paths[0] if paths else text))


class Target(Struct, frozen=True):
    """Weights, and the run that they came from.

    Attributes:
        checkpoint: The model or adapter folder.
        run: The run that made it; None if no record is found.
        plan: That run's plan; None without a record.
        trusted: Whether Python code in a folder that no run made may run.
    """

    checkpoint: Checkpoint
    run: Run | None
    plan: Plan | None
    trusted: bool = False

    @property
    def export(self) -> ExportSettings:
        """The section `export:` of the run's config; the defaults if it can't be read."""
        if self.run is None:
            return ExportSettings()
        file, record = self.run.folder / "config.resolved.yaml", self.run.record
        try:
            data = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            return ExportSettings()
        folders = [Path(str(record.get("config", ""))).parent, Path(str(record.get("cwd", "")))]
        return read_settings(data.get("export") if isinstance(data, dict) else None, folders)


def resolve_target(text: str, *, trust: bool = False) -> Target:
    """A run (id, beginning of an id, folder), a checkpoint folder or a model folder.

    Args:
        text: What it is called.
        trust: Whether Python code in a folder that no run made may run.

    Raises:
        VlftError: If it is none of these, or the run has no checkpoint.
    """
    path = Path(text).expanduser().absolute()
    if path.is_dir() and read_run(path) is None:
        run = run_of(path)
        plan = exported_plan(path) or (run.plan() if run else None)
        return Target(read_checkpoint(path), run, plan, trust)
    if not path.exists() and ("/" in text or text.startswith(".")):
        raise UsageError(f"there is no folder `{path}`", "vlft runs list shows the runs")
    run = find_run(text)
    return Target(read_checkpoint(best_checkpoint(run)), run, run.plan(), trust)


def newest_target() -> Target:
    """The best or last checkpoint of the newest run that finished.

    Raises:
        UsageError: If there is none.
    """
    for run in list_runs():
        if run.status == "finished" and run.whole_checkpoints:
            return Target(read_checkpoint(best_checkpoint(run)), run, run.plan())
    raise UsageError("there is no finished run", "vlft runs list; or name a run or a checkpoint")


def best_checkpoint(run: Run) -> Path:
    """The checkpoint with the best evaluation if there was one, else the last; a whole one.

    Raises:
        VlftError: If the run has none.
    """
    checkpoints = run.whole_checkpoints
    if not checkpoints:
        broken = "" if not run.checkpoints else " that was saved to its end"
        raise VlftError(
            f"the run {run.id} has no checkpoint{broken} ({run.status})",
            f"its log: {run.attempt / 'stderr.log'}",
        )
    state = read_json(checkpoints[-1] / "trainer_state.json") or {}
    best = state.get("best_model_checkpoint")
    if isinstance(best, str):
        # Only the name: the run's folder may have been moved since.
        folder = checkpoints[-1].parent / Path(best).name
        if folder in checkpoints:
            return folder
    return checkpoints[-1]
