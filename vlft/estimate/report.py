"""All figures of a run, from a prepared config."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from vlft.estimate.disk import Storage, storage
from vlft.estimate.memory.estimate import Memory, estimate
from vlft.estimate.memory.from_config import (
    RowSize,
    largest_row,
    model_states,
    sized_model,
    step_of_run,
)
from vlft.estimate.memory.states import count
from vlft.files import read_json
from vlft.runs.record import CHECKPOINTS, Run, list_runs
from vlft.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vlft.estimate.memory.step_spec import RunShape
    from vlft.models.architecture import ModelShape
    from vlft.pipeline import Ready
    from vlft.plan import Plan
    from vlft.resolve.run import RunSpec

MAX_SCANNED_BYTES = 16 * 1024 * 1024
"""Of all training files together that are read without having been asked to."""

# What may differ between two runs whose steps take the same time.
_FREE = frozenset(
    {
        "num_train_epochs", "max_steps", "learning_rate", "seed", "data_seed", "save_steps",
        "eval_steps", "logging_steps", "warmup_ratio", "warmup_steps", "save_total_limit",
        "weight_decay", "lr_scheduler_type", "resume_from_checkpoint", "report_to",
    }
)  # fmt: skip
_MOST_RUNS = 50


class Speed(Struct, frozen=True):
    """Measured on an earlier run.

    Attributes:
        seconds_per_step: Averaged over that run.
        run: Its id.
    """

    seconds_per_step: float
    run: str


def measured_speed(plan: Plan) -> Speed | None:
    """The newest earlier run that did the same work a step; None if there is none."""
    wanted = _work(plan.to_json())
    for run in list_runs()[:_MOST_RUNS]:
        before = read_json(run.folder / "plan.json")
        if before is not None and _work(before) == wanted:
            speed = _logged(run)
            if speed is not None:
                return Speed(speed, run.id)
    return None


def _work(plan: Any) -> Any:
    arguments = plan.get("arguments")
    if not isinstance(arguments, dict):
        return None
    kept = {name: list(texts) for name, texts in arguments.items() if name not in _FREE}
    return [kept, plan.get("batch"), plan.get("world"), plan.get("env")]


def _logged(run: Run) -> float | None:
    """`train_speed(s/it)` of the log's last training step."""
    import json  # noqa: PLC0415 - only where a run fits

    try:
        text = (run.folder / CHECKPOINTS / "logging.jsonl").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    for line in reversed(text.splitlines()):
        try:
            value = json.loads(line).get("train_speed(s/it)")
        except (ValueError, AttributeError):
            continue
        if isinstance(value, (int, float)) and value > 0:
            return float(value)
    return None


class RowLengths(Struct, frozen=True):
    """Tokens of the rows, placeholders of pictures included.

    Attributes:
        max: The longest row.
        p50: Half of the rows have no more.
        p95: 95 % of the rows have no more.
        over_max_length: Rows that do not fit; None without a limit.
        exact: Whether a tokenizer counted them; else these are upper bounds.
        rows: Rows that were measured.
        most_vision: Most placeholders of a row.
    """

    max: int
    p50: int
    p95: int
    over_max_length: int | None
    exact: bool
    rows: int
    most_vision: int

    def largest(self, max_length: int | None) -> RowSize:
        """The largest row that is trained on: longer ones are left out."""
        tokens = self.max if max_length is None else min(self.max, max_length)
        return RowSize(tokens, min(self.most_vision, tokens), measured=True)


def scannable_bytes(run: RunSpec) -> int:
    """Size of the training files on this machine."""
    return sum(path.stat().st_size for path in _files(run))


def measure_rows(run: RunSpec, advance: Callable[[int], None]) -> RowLengths | None:
    """Reads the training files.

    Args:
        run: The run.
        advance: Called with the number of bytes read.

    Returns:
        None if there is no file, or none of its rows can be measured.

    Raises:
        VlftError: If a limit on pixels is not a number.
        OSError: If a file can't be read.
    """
    from vlft.data.from_config import stats_of_run  # noqa: PLC0415 - only where data is read
    from vlft.data.statistics import collect  # noqa: PLC0415

    files = _files(run)
    if not files:
        return None
    stats = collect(files, stats_of_run(run), advance)
    total, vision = stats.total[0], stats.vision[0]
    if not total.counts:
        return None
    return RowLengths(
        max=max(total.counts),
        p50=total.percentile(50),
        p95=total.percentile(95),
        over_max_length=stats.over_max_length(0),
        exact=stats.exact,
        rows=stats.text.count,
        most_vision=max(vision.counts),
    )


def _files(run: RunSpec) -> list[Path]:
    paths = [entry.path for entry in run.facts.train if entry.path is not None]
    return [path for path in paths if os.path.isfile(path)]  # noqa: PTH113  too long a name


class Outlook(Struct, frozen=True):
    """What is known about a run before it starts; None where something is not.

    Attributes:
        ready: The run, and what the validator says.
        lengths: Of the rows in the data, if they were read.
        row: The row that the memory is for.
        model: Sizes of the model.
        run: The step whose memory is estimated.
        memory: On one GPU.
        storage: Checkpoints.
        speed: Of an earlier run that did the same.
        unknown: Why a figure is missing, a sentence each.
    """

    ready: Ready
    lengths: RowLengths | None
    row: RowSize | None
    model: ModelShape | None
    run: RunShape | None
    memory: Memory | None
    storage: Storage | None
    speed: Speed | None
    unknown: tuple[str, ...]

    @property
    def fits(self) -> bool | None:
        """Whether the GPU holds it, by the middle of the reserved range."""
        size = self.ready.run.gpu_bytes
        return None if self.memory is None or size is None else self.memory.middle <= size

    @property
    def seconds(self) -> float | None:
        """Time of all steps at the speed of the earlier run."""
        steps = self.ready.run.steps.total
        return None if self.speed is None or steps is None else steps * self.speed.seconds_per_step


def look_ahead(ready: Ready, lengths: RowLengths | None = None) -> Outlook:
    """The figures of a config's run.

    Args:
        ready: A config.
        lengths: Of its rows, if its data was read.
    """
    run, facts, plan = ready.run, ready.facts, ready.plan
    unknown: list[str] = []
    model = sized_model(run)
    row: RowSize | None = None
    step: RunShape | None = None
    if run.limits.problems:
        unknown.append(f"memory: unusable limit: {', '.join(run.limits.problems)}")
    elif model is None:
        unknown.append(
            "memory: the model's config.json is not here, or is of a family that vlft can't size"
        )
    elif run.family is not None:
        measured = lengths.largest(run.row_length) if lengths is not None else None
        row = measured or largest_row(run)
        step = step_of_run(run, plan.batch, model, row)
        if step is None:
            unknown.append("memory: estimated for LoRA and full training in 16 bits on GPUs")
        elif step.sharding != "none" and plan.world.world_size is None:
            step = None
            unknown.append("memory: it depends on the number of GPUs: --hardware 4xA100-80G")
    stored = facts.model.checkpoint.stored_parameters if facts.model.checkpoint else None
    if model is not None and stored is not None and (own := count(model).parameters) != stored:
        unknown.append(
            f"whether the figures hold: the weight files have {stored:,} parameters, and by "
            f"config.json there are {own:,}"
        )
    memory = estimate(model, step) if model is not None and step is not None else None
    if memory is not None and run.gpu_bytes is None:
        unknown.append("whether it fits: " + _why_gpu_unknown(run))
    if run.steps.total is None:
        unknown.append("steps: the rows are not counted, or the number of processes is not known")
    speed = measured_speed(plan)
    if speed is None:
        unknown.append("time: no earlier run did the same")
    states = None if model is None else model_states(run, model)
    disk = None if states is None else storage(run, states)
    return Outlook(ready, lengths, row, model, step, memory, disk, speed, tuple(unknown))


def _why_gpu_unknown(run: RunSpec) -> str:
    gpus, processes = run.world.gpus_per_node, run.world.nproc_per_node
    if gpus != processes:
        return f"{gpus} GPUs for {counted(processes or 0, 'process')}"
    return "the memory of the GPUs is not known: --hardware 4xA100-80G"
