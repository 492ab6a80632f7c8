"""Going on from a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.rules.base import Problem, Problems, RunSpec, rule

if TYPE_CHECKING:
    from vlft.probe.trainer_checkpoint import ResumeFacts


_PATH = ("train", "resume_from_checkpoint")


def _whole(run: RunSpec) -> ResumeFacts | None:
    """The checkpoint, where it is one and more than its weights are loaded."""
    found = run.facts.resume
    if found is None or not found.has_state or run.args.flag("resume_only_model"):
        return None
    return found


def _reads_state(run: RunSpec) -> bool:
    """Whether the step that the checkpoint is at counts: with its weights alone it does too."""
    return not (run.args.flag("resume_only_model") and run.args.flag("ignore_data_skip"))


@rule("error", "aborts", says="FileNotFoundError")
def not_found(run: RunSpec) -> Problems:
    """`train.resume_from_checkpoint` names a folder that exists.

    Source: swift/utils/io_utils.py: to_abspath
    """
    found = run.facts.resume
    if found is not None and not found.exists:
        hint = "a relative path starts from the config file's folder"
        yield Problem(_PATH, f"there is no folder `{found.path}`", hint)


@rule("error", "late", says="trainer_state.json")
def no_checkpoint(run: RunSpec) -> Problems:
    """The folder to resume from is a checkpoint of the Trainer: it has a trainer_state.json.

    Source: transformers/trainer.py: train
    """
    found = run.facts.resume
    if found is None or not found.exists or found.has_state or not _reads_state(run):
        return
    hint = "name a folder `checkpoint-N` of the earlier run"
    if found.newest:
        hint = f"write `{found.path}/{found.newest}`"
    yield Problem(_PATH, f"`{found.path}` is no checkpoint: it has no trainer_state.json", hint)


@rule("error", "late")
def other_tuner(run: RunSpec) -> Problems:
    """A run with an adapter resumes from an adapter, a full run from a whole model.

    Source: swift/pipelines/train/tuner.py: TunerMixin.prepare_model
    """
    found = run.facts.resume
    if found is None or not found.has_state or run.config.tuner in {"dummy", "ia3"}:
        return
    full = run.config.tuner == "full"
    if full == found.is_adapter:
        args = found.args or {}
        kept = args.get("tuner_type") or args.get("train_type")  # before 4.0
        tuner = kept if isinstance(kept, str) else "lora" if full else "full"
        yield Problem(
            _PATH,
            f"`tuner: {run.config.tuner}` can't go on from "
            + ("an adapter" if found.is_adapter else "a checkpoint without an adapter"),
            f"write `tuner: {tuner}`, as it was trained",
        )


@rule("error", "late", says="Can't find a valid checkpoint at")
def zero_state(run: RunSpec) -> Problems:
    """A run with DeepSpeed resumes from a checkpoint that DeepSpeed saved.

    Source: transformers/integrations/deepspeed.py: deepspeed_load_checkpoint
    """
    found = _whole(run)
    if found is not None and run.sharding.deepspeed is not None and not found.deepspeed_dirs:
        yield Problem(
            _PATH,
            f"`{found.path}` has no `global_step…` folder: DeepSpeed did not save it, or its "
            "state was left out (save_only_model)",
            "write `swift: {resume_only_model: true}` to take over the weights alone",
        )


@rule("error", "late", "hardware", says="DP world size")
def zero_processes(run: RunSpec) -> Problems:
    """A run with DeepSpeed resumes in as many processes as it was saved from.

    Source: deepspeed/runtime/engine.py: _get_all_zero_checkpoints
    """
    found, world = _whole(run), run.world.world_size
    if found is None or run.sharding.deepspeed is None or world is None:
        return
    if found.zero_world_size is not None and found.zero_world_size != world:
        yield Problem(
            _PATH,
            f"the optimizer's state is divided among {found.zero_world_size} processes, "
            f"the run has {world}",
            f"run in {found.zero_world_size} processes, or write "
            "`swift: {resume_only_model: true}` to take over the weights alone",
        )


@rule("warning", "silent")
def no_optimizer(run: RunSpec) -> Problems:
    """The checkpoint holds the optimizer's state, or the run says it wants the weights alone.

    Source: transformers/trainer.py: _load_optimizer_and_scheduler
    """
    found = _whole(run)
    if found is None or run.sharding.deepspeed is not None or found.has_optimizer:
        return
    if run.sharding.fsdp is not None:
        return
    how = "only the weights were saved (save_only_model)"
    if found.deepspeed_dirs:
        how = "DeepSpeed saved it, and this run is without"
    yield Problem(
        _PATH,
        f"`{found.path}` has no optimizer.pt: {how}; optimizer and learning rate would start anew "
        "without a word",
        "write `swift: {resume_only_model: true}` if that is meant",
    )


@rule("error", "silent", "hardware")
def finished(run: RunSpec) -> Problems:
    """The checkpoint was saved before the last step of this run.

    Source: transformers/trainer.py: _init_training_state
    """
    found, steps = run.facts.resume, run.steps
    if found is None or found.global_step is None or not _reads_state(run):
        return
    if steps.total is None:
        return
    if found.global_step >= steps.total:
        key = "max_steps" if run.config.train.max_steps is not None else "num_train_epochs"
        yield Problem(
            _PATH,
            f"the checkpoint is at step {found.global_step}, and the run ends at {steps.total}: "
            "it would stop at once, or after one step more",
            f"a larger train.{key} (it counts from the start of the first run)",
        )
