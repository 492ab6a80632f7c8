"""Time of a run, from an earlier one that did the same work; never invented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlft.files import read_json
from vlft.runs.index import list_runs
from vlft.runs.record import CHECKPOINTS

if TYPE_CHECKING:
    from vlft.plan.plan import Plan
    from vlft.runs.record import Run

# What may differ between two runs whose steps take the same time.
_FREE = frozenset(
    {
        "num_train_epochs", "max_steps", "learning_rate", "seed", "data_seed", "save_steps",
        "eval_steps", "logging_steps", "warmup_ratio", "warmup_steps", "save_total_limit",
        "weight_decay", "lr_scheduler_type", "resume_from_checkpoint", "report_to",
    }
)  # fmt: skip
_MOST_RUNS = 50


@dataclass(frozen=True, slots=True)
class Speed:
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
