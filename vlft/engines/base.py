"""The engines: what `vlft train` does with configs that are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vlft.engines.training import (
    MASTER_TIMEOUT_S,
    dry_run_json,
    plan_command,
    train_prepared,
)
from vlft.errors import TrainerError, UsageError
from vlft.output import console

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vlft.pipeline import Ready
    from vlft.runs.record import Run

Engine = Literal["local", "slurm", "kubernetes"]


@dataclass(frozen=True)
class Order:
    """What is to be started.

    Attributes:
        configs: Without errors, all for the same engine.
        overrides: `--set` values, for the record.
        node_rank: Which node this is; 0 for a scheduler.
        run_id: Name of the run's folder; None makes one up.
        master_timeout_s: How long another node waits for node 0, in seconds.
    """

    configs: tuple[Ready, ...]
    overrides: tuple[str, ...] = ()
    node_rank: int = 0
    run_id: str | None = None
    master_timeout_s: float = MASTER_TIMEOUT_S


def engine_of(configs: tuple[Ready, ...], run_id: str | None, node_rank: int) -> Engine:
    """The engine that all configs name.

    Raises:
        UsageError: If they name several, or the flags fit none of it.
    """
    engines: dict[Engine, str] = {
        one.loaded.config.launch.engine: one.loaded.source.file for one in configs
    }
    if len(engines) > 1:
        named = ", ".join(f"{file}: {engine}" for engine, file in engines.items())
        raise UsageError(f"the configs name several engines ({named})", "start them one by one")
    (engine,) = engines
    if engine != "local" and node_rank:
        raise UsageError(f"--node-rank with `engine: {engine}`: the scheduler numbers the nodes")
    if len(configs) > 1 and (run_id is not None or node_rank):
        flag = "--run-id" if run_id is not None else "--node-rank"
        raise UsageError(f"{flag} is for one config", "start them one by one")
    return engine


def dry_run_text(order: Order, *, as_json: bool) -> str:
    """What would be started: commands, batch scripts, or the manifests themselves.

    Raises:
        VlftError: If it is not known yet.
    """
    described = [_described(prepared, order) for prepared in order.configs]
    if as_json:
        return _json([data for data, _ in described])
    return "".join(text for _, text in described)


def _described(prepared: Ready, order: Order) -> tuple[dict[str, Any], str]:
    loaded, plan = prepared.loaded, prepared.plan
    engine: Engine = loaded.config.launch.engine
    if engine == "slurm":
        from vlft.engines.slurm.training import planned_job  # noqa: PLC0415 - one of several

        job = planned_job(prepared, order.run_id)
        return job.to_json(plan), job.text
    if engine == "kubernetes":
        from vlft.engines.kubernetes.training import planned_train_job  # noqa: PLC0415

        manifest = planned_train_job(prepared, order.run_id)
        return manifest.to_json(plan), manifest.text
    planned = plan_command(prepared, node_rank=order.node_rank, run_id=order.run_id)
    data = dry_run_json(prepared, planned)
    return data, data["command"] + "\n"


def start(order: Order, say: Callable[[str], None], *, as_json: bool) -> int:
    """Starts everything; runs of this machine one after the other, to their ends.

    Args:
        order: For the local engine or for Slurm.
        say: Takes what goes to stdout.
        as_json: Whether that is JSON; else the folders of the runs.

    Returns:
        The exit code.

    Raises:
        VlftError: If something can't be started.
        TrainerError: If a trainer failed; the others were run all the same.
    """
    loaded = order.configs[0].loaded
    if loaded.config.launch.engine == "slurm":
        return _submit(order, say, as_json=as_json)
    return _run_here(order, say, as_json=as_json)


def _submit(order: Order, say: Callable[[str], None], *, as_json: bool) -> int:
    from vlft.engines.slurm.training import submit  # noqa: PLC0415 - one engine of several

    submitted = submit(order.configs, order.overrides, run_id=order.run_id)
    console.note(f"vlft: submitted job {submitted.job.id}")
    _say_runs(submitted.runs, say, as_json=as_json)
    return 0


def _run_here(order: Order, say: Callable[[str], None], *, as_json: bool) -> int:
    runs: list[Run] = []
    failure: TrainerError | None = None
    code = 0
    for prepared in order.configs:
        if failure is not None:  # it does not keep the next one from being tried
            console.note(f"vlft: {failure.message}")
        try:
            result = train_prepared(
                prepared,
                order.overrides,
                node_rank=order.node_rank,
                run_id=order.run_id,
                master_timeout_s=order.master_timeout_s,
            )
        except TrainerError as error:
            failure = error
            continue
        runs.append(result.run)
        code = result.exit_code
        if not as_json:
            _say_runs([result.run], say, as_json=False)
        if code:
            break
    if as_json and runs:
        _say_runs(runs, say, as_json=True)
    if failure is not None:
        raise failure
    return code


def _say_runs(runs: Sequence[Run], say: Callable[[str], None], *, as_json: bool) -> None:
    if as_json:
        say(_json([run.to_json() for run in runs]).rstrip())
    else:
        say("\n".join(str(run.folder) for run in runs))


def _json(rows: list[dict[str, Any]]) -> str:
    """One object for one config, a list for several."""
    data: object = rows[0] if len(rows) == 1 else rows
    return console.json_text(data, indent=2) + "\n"
