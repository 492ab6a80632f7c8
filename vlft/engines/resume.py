"""Resuming a run that ended early from its last whole checkpoint, in its own folder.

What is the same under every engine; the rest is `Engine.resume`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.engines.base import Resumption
from vlft.errors import InvalidError, VlftError
from vlft.files import read_json, write_json
from vlft.findings import has_errors
from vlft.pipeline import Ready, Rejected, prepare
from vlft.resolve.model import is_own_plugin
from vlft.runs.attempts import last_attempt, new_attempt
from vlft.runs.record import GOING_ON, Run, fingerprint, utc_now
from vlft.security.masking import mask_data
from vlft.security.secrets import is_masked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.plan import MaskedCommand
    from vlft.probe.hardware import Hardware

ATTEMPT = "attempt.json"
INCOMPLETE = "incomplete"

_RESUMING = frozenset({"resume_from_checkpoint"})
"""Arguments that differ because the run goes on."""

_ONCE_UNSAID = frozenset({"arguments.add_version", "env.OMP_NUM_THREADS", "world.gpus_per_node"})
"""What plans of earlier releases left out, whose commands had it all the same."""


def go_to_its_folder(run: Run) -> None:
    """Changes to where the run was started: relative paths in data rows start there.

    Raises:
        VlftError: If that folder is gone.
    """
    folder = str(run.record.get("cwd") or ".")
    try:
        os.chdir(folder)
    except (OSError, ValueError):
        raise VlftError(
            f"the folder that the run {run.id} was started in is gone: {folder}",
            "make it again: relative paths in the rows start there",
        ) from None


def prepare_resumption(run: Run, hardware: Hardware | None, *, judge: bool = True) -> Resumption:
    """Reads the run's config again and makes sure that it is still the same run.

    The caller has gone to the run's folder: see `go_to_its_folder`.

    Args:
        run: A run that is over.
        hardware: The machine it would go on on; None if it is not to be judged.
        judge: Whether to ask the rules.

    Raises:
        VlftError: If the run can't go on, or would not be the run that it was; the message
            names every difference.
        InvalidError: If its config has errors by now.
    """
    _require_ended(run)
    checkpoints = run.whole_checkpoints
    if not checkpoints:
        raise VlftError(
            f"the run {run.id} has no checkpoint that was saved to its end",
            f"start it again: vlft train {run.record.get('config')}",
        )
    checkpoint = checkpoints[-1]
    config = Path(str(run.record.get("config")))
    if not config.is_file():
        raise VlftError(
            f"the config of the run {run.id} is gone: {config}",
            f"put it back; as it was then it is {run.folder / 'config.yaml'}",
        )
    overrides = [str(text) for text in run.record.get("overrides") or ()]
    if any(map(is_masked, overrides)):
        raise VlftError(
            f"the run {run.id} was given a secret with --set, which is not kept",
            f"start a new run: {_new_run(run, checkpoint)}",
        )
    # The path is absolute; JSON's quotes are YAML's, whatever stands in it.
    quoted = json.dumps(str(checkpoint), ensure_ascii=False)
    overrides.append(f"train.resume_from_checkpoint={quoted}")
    prepared = prepare(config, overrides, hardware, judge=judge)
    if isinstance(prepared, Rejected) or has_errors(prepared.findings):
        raise InvalidError(prepared.findings)
    _require_unchanged(run, prepared, checkpoint)
    return Resumption(run, checkpoint, prepared)


def begin(resumption: Resumption, node_rank: int = 0) -> Path:
    """Makes the folder of the new attempt, and clears the trainer's way: see `set_aside`.

    Args:
        resumption: What is resumed.
        node_rank: Of which node; another one's attempts are in a folder in the run's.

    Raises:
        VlftError: If another vlft has made it meanwhile.
    """
    run = resumption.run
    base = run.folder / f"node-{node_rank}" if node_rank else run.folder
    try:
        folder = new_attempt(base, after=last_attempt(base) if node_rank else run.attempt)
    except FileExistsError:
        raise VlftError(f"another vlft has begun to resume the run {run.id}") from None
    if node_rank == 0:
        set_aside(run)
    return folder


def note(resumption: Resumption, folder: Path, masked: MaskedCommand) -> None:
    """Writes down what an attempt was started with, secrets masked."""
    write_json(
        folder / ATTEMPT,
        {
            "version": 1,
            "started": utc_now().isoformat(timespec="seconds"),
            "checkpoint": str(resumption.checkpoint),
            "argv": list(masked.argv),
            "env": masked.env,
        },
    )


def _require_ended(run: Run) -> None:
    if run.status in GOING_ON:
        raise VlftError(f"the run {run.id} is {run.status}", f"vlft runs stop {run.id}")
    if run.status == "finished":
        raise VlftError(
            f"the run {run.id} has finished: there is nothing left to do",
            "to train longer, start a new run from its last checkpoint with a higher "
            "num_train_epochs and train.resume_from_checkpoint",
        )


def _require_unchanged(run: Run, prepared: Ready, checkpoint: Path) -> None:
    before = read_json(run.folder / "plan.json")
    if before is None:
        raise VlftError(f"the plan of the run {run.id} can't be read", _new_run(run, checkpoint))
    now: Any = mask_data(prepared.plan.to_json())
    differences = [*changed_plan(before, now), *changed_data(run)]
    inherited = mask_data(dict(prepared.run.inherited_variables))
    differences += changed_plan(run.record.get("inherited") or {}, inherited)
    if differences:
        raise VlftError(
            f"the run {run.id} would not go on as it was: " + "; ".join(differences),
            "undo that, or start a new run from the weights alone: " + _new_run(run, checkpoint),
        )


def _new_run(run: Run, checkpoint: Path) -> str:
    return (
        f"vlft train {run.record.get('config')} --set train.resume_from_checkpoint={checkpoint} "
        "--set swift.resume_only_model=true --set swift.ignore_data_skip=true"
    )


def set_aside(run: Run) -> None:
    """Moves what was not saved to its end out of the trainer's way; nothing is deleted."""
    whole = set(run.whole_checkpoints)
    for path in run.checkpoints:
        if path not in whole:
            folder = run.folder / INCOMPLETE
            folder.mkdir(exist_ok=True)
            path.rename(folder / f"{path.name}.{len(list(folder.iterdir()))}")


def changed_data(run: Run) -> Iterator[str]:
    """The data files that are not as they were, each as a sentence without its period."""
    for known in run.record.get("data") or ():
        path = Path(str(known.get("path")))
        try:
            now = fingerprint(path)
        except OSError as error:
            yield f"{path} can't be read: {error.strerror}"
            continue
        if now.bytes != known.get("bytes"):
            yield f"{path} had {known.get('bytes')} bytes, and has {now.bytes}"
        elif now.xxh3 != known.get("xxh3"):
            yield f"{path} has another content than before"


def changed_plan(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """The differences of two plans, each as a sentence without its period.

    Args:
        before: plan.json of the run, or a part of it.
        now: What would be planned now, secrets masked alike.
        path: Of the part.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys((*before, *now)):
            if key not in _RESUMING:
                inner = f"{path}.{key}" if path else str(key)
                yield from changed_plan(before.get(key), now.get(key), inner)
    elif before is None and path in _ONCE_UNSAID:
        return
    elif _plain(before) != _plain(now):
        name = path.removeprefix("arguments.").removeprefix("env.")
        yield f"{name} was {_shown(before)}, and is {_shown(now)}"


def _plain(value: Any) -> Any:
    """What is compared: where vlft is installed, and so its plug-in, does not change a run."""
    if not isinstance(value, (list, tuple)):
        return value
    return ["" if isinstance(one, str) and is_own_plugin(one) else one for one in value]


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return "not set" if value is None else str(value)
