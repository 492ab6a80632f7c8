"""A planned config → the job that runs it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import vlft
from vlft.engines.process import HIDDEN, hidden_words
from vlft.engines.slurm.options import SIGNAL_SECONDS, sbatch_options
from vlft.engines.slurm.probe import SlurmFacts
from vlft.engines.slurm.script import REQUEST, Job
from vlft.engines.slurm.section import slurm_of
from vlft.plan.command import MaskedCommand, launcher_variables, render, torchrun_words
from vlft.resolve.patches import is_patched
from vlft.runs.record import CHECKPOINTS
from vlft.security.secrets import Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.engines.slurm.section import Slurm
    from vlft.pipeline import Ready
    from vlft.plan.plan import Plan
    from vlft.security.secrets import Word
    from vlft.swift.release import Arguments

SCRIPT: Final = "job.sbatch"
# Arguments of a first start that a job which begins again must not be given.
_FIRST_START: Final = ("resume_only_model", "ignore_data_skip")
_PLUGIN: Final = Path(vlft.__file__).parent / "trainer_side" / "save_and_end.py"
_CALLBACK: Final = "vlft_save_and_end"


def plan_job(prepared: Ready, folder: Path, attempt: Path | None = None) -> Job:
    """The job of a prepared config, as it would be submitted now.

    Args:
        prepared: With a known number of processes.
        folder: The run's folder.
        attempt: The folder in it for this attempt; the run's own if absent.
    """
    config, facts, plan = prepared.loaded.config, prepared.facts, prepared.plan
    slurm, attempt = slurm_of(config), attempt or folder
    arguments = plan.arguments
    if slurm.requeue:
        arguments = _with_plugin(arguments, facts.swift.arguments[config.task])
    interpreter = None if slurm.container else facts.interpreter
    # torchrun's own flags are added here: what they say is known to the job only.
    alone = replace(plan, arguments=arguments, torchrun=False)
    command = render(alone, interpreter, folder / CHECKPOINTS)
    launcher, words = _launched(plan, command.argv)
    program = words
    env: dict[str, Word] = {**command.plain_env, **launcher}
    hidden = tuple(word.name for word in command.argv if isinstance(word, Variable))
    if hidden and interpreter is not None and interpreter.swift_dir is not None:
        # An image's own `swift` is given the values, which `ps` then shows on the nodes.
        program = hidden_words(words, hidden)
        env[HIDDEN] = " ".join(hidden)
    if slurm.requeue:
        env["VLFT_SAVE_AND_END"] = str(attempt / REQUEST)
    taken = env.keys() | ({"NODE_RANK"} if plan.torchrun else set())
    shown = {name: str(value) for name, value in {**env, **command.env}.items()}
    env_file = getattr(facts.of_engine(SlurmFacts), "env_file", None)
    return Job(
        options=sbatch_options(slurm, plan.world),
        folder=folder,
        attempt=attempt,
        cwd=str(Path.cwd()),
        vlft=(sys.executable, "-m", "vlft"),
        setup=tuple(slurm.setup),
        env_file=str(env_file) if env_file else None,
        unset=tuple(name for name in command.unset if name not in taken),
        secrets=command.secrets,
        env=tuple(env.items()),
        program=program,
        command=MaskedCommand(tuple(map(str, words)), shown),
        resuming=tuple(
            word for name in _FIRST_START if name in arguments for word in (f"--{name}", "false")
        ),
        nnodes=plan.world.nnodes,
        rendezvous=plan.torchrun,
        port=config.launch.master_port,
        srun=_srun_options(slurm, folder, arguments),
        signal_seconds=(slurm.signal_seconds or SIGNAL_SECONDS) if slurm.requeue else None,
    )


def _launched(plan: Plan, words: tuple[Word, ...]) -> tuple[dict[str, Word], tuple[Word, ...]]:
    """Variables and words of a run that torchrun starts; as they are for one process.

    `swift`, which is all that is known of an image, reads the variables; else they are
    torchrun's flags as well. Each node says its rank itself.
    """
    if not plan.torchrun:
        return {}, words
    variables = launcher_variables(
        plan.world, port=Variable("MASTER_PORT"), address=Variable("MASTER_ADDR"), node_rank=None
    )
    if words[0] == "swift":
        return variables, words
    python, *rest = words
    return variables, (python, *torchrun_words(variables), *rest)


def _with_plugin(arguments: Arguments, legal: Mapping[str, object]) -> Arguments:
    """The same, and the callback that saves when the batch shell asks for it."""
    added = {"external_plugins": str(_PLUGIN)}
    if "callbacks" in legal:  # before 4.0 the plugin itself puts it on a list
        added["callbacks"] = _CALLBACK
    return arguments | {name: (*arguments.get(name, ()), one) for name, one in added.items()}


def _srun_options(slurm: Slurm, folder: Path, arguments: Arguments) -> tuple[str, ...]:
    container = slurm.container
    if container is None:
        return ()
    own = [f"{folder}:{folder}"]
    if slurm.requeue or is_patched(arguments):
        own.append(f"{_PLUGIN.parent}:{_PLUGIN.parent}:ro")
    mounts = ",".join([*own, *container.mounts])
    return (
        f"--container-image={container.image}",
        f"--container-mounts={mounts}",
        *container.flags,
    )
