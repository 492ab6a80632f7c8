"""A planned config → the job that runs it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import vlft
from vlft.engines.base import Description
from vlft.engines.process import HIDDEN, hidden_words
from vlft.engines.slurm.options import SIGNAL_SECONDS, sbatch_options
from vlft.engines.slurm.probe import SlurmFacts
from vlft.engines.slurm.quoting import file_pattern
from vlft.engines.slurm.script import REQUEST, Script, render_script
from vlft.engines.slurm.section import Slurm
from vlft.engines.train import new_folder
from vlft.plan.command import MaskedCommand, launcher_variables, render, torchrun_words
from vlft.resolve.patches import is_patched
from vlft.runs.record import CHECKPOINTS
from vlft.security.secrets import Secret, Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.schema import Config
    from vlft.pipeline import Ready
    from vlft.plan.plan import Plan
    from vlft.probe.collect import Facts
    from vlft.security.secrets import Word
    from vlft.swift.args import Arguments

SCRIPT: Final = "job.sbatch"
# Arguments of a first start that a job which begins again must not be given.
_FIRST_START: Final = ("resume_only_model", "ignore_data_skip")
_PLUGIN: Final = Path(vlft.__file__).parent / "trainer_side" / "save_and_end.py"
_CALLBACK: Final = "vlft_save_and_end"


@dataclass(frozen=True)
class PlannedJob:
    """A job about to be submitted.

    Attributes:
        folder: The run's folder.
        attempt: Where the script goes: the run's folder, or one in it.
        script: What it is made of.
        secrets: Variables that the submitting environment must hold.
        command: The trainer for the record; what only the job knows stands as $NAME.
    """

    folder: Path
    attempt: Path
    script: Script
    secrets: dict[str, Secret]
    command: MaskedCommand

    @property
    def text(self) -> str:
        """The batch script.

        Raises:
            VlftError: If an option of sbatch can't be written.
        """
        return render_script(self.script)


def plan_new_job(prepared: Ready, run_id: str | None = None) -> PlannedJob:
    """The job of a prepared config, as it would be submitted now.

    Raises:
        VlftError: If the number of processes is not known, or sbatch can't be told.
    """
    folder = new_folder(prepared, run_id)
    return plan_job(prepared.loaded.config, prepared.facts, prepared.plan, folder)


def describe_job(prepared: Ready, run_id: str | None = None) -> Description:
    """The batch script of that job.

    Raises:
        VlftError: As `plan_new_job`.
    """
    job = plan_new_job(prepared, run_id)
    starter = f"sbatch --parsable {job.attempt / SCRIPT}"
    return Description(job.text, job.command, starter, {"script": job.text})


def plan_job(
    config: Config, facts: Facts, plan: Plan, folder: Path, attempt: Path | None = None
) -> PlannedJob:
    """The job of a plan.

    Args:
        config: Its config.
        facts: What was read for it.
        plan: With a known number of processes.
        folder: The run's folder.
        attempt: The folder in it for this attempt; the run's own if absent.

    Raises:
        VlftError: If sbatch can't write into that folder.
    """
    slurm, attempt = config.engine_section(Slurm) or Slurm.model_construct(), attempt or folder
    arguments = plan.arguments
    if slurm.requeue:
        arguments = _with_plugin(arguments, facts.swift.arguments[config.task])
    trainer = _trainer(slurm, facts, replace(plan, arguments=arguments), folder, attempt)
    script = Script(
        options=(
            f"--job-name={folder.name}",
            f"--output={file_pattern(str(attempt), 'slurm-%j.out')}",
            "--open-mode=append",
            *sbatch_options(slurm, plan.world),
        ),
        run=str(folder),
        attempt=str(attempt),
        cwd=str(Path.cwd()),
        vlft=(sys.executable, "-m", "vlft"),
        setup=tuple(slurm.setup),
        env_file=_env_file(facts),
        unset=trainer.unset,
        needed=tuple(trainer.secrets),
        env=trainer.env,
        program=trainer.program,
        resuming=tuple(
            word for name in _FIRST_START if name in arguments for word in (f"--{name}", "false")
        ),
        nnodes=plan.world.nnodes,
        rendezvous=plan.torchrun,
        port=config.launch.master_port,
        srun=_srun_options(slurm, folder, arguments),
        signal_seconds=(slurm.signal_seconds or SIGNAL_SECONDS) if slurm.requeue else None,
    )
    return PlannedJob(folder, attempt, script, trainer.secrets, trainer.masked)


@dataclass(frozen=True)
class _Trainer:
    """The trainer as the job starts it.

    Attributes:
        program: Its words.
        env: Its variables.
        unset: Variables that must not reach it.
        secrets: What it has from the environment of the job.
        masked: The same for the record.
    """

    program: tuple[Word, ...]
    env: tuple[tuple[str, Word], ...]
    unset: tuple[str, ...]
    secrets: dict[str, Secret]
    masked: MaskedCommand


def _trainer(slurm: Slurm, facts: Facts, plan: Plan, folder: Path, attempt: Path) -> _Trainer:
    interpreter = None if slurm.container else facts.interpreter
    # torchrun's own flags are added here: what they say is known to the job only.
    command = render(replace(plan, torchrun=False), interpreter, folder / CHECKPOINTS)
    launcher, program = _launched(plan, command.argv)
    shown = tuple(map(str, program))
    env: tuple[tuple[str, Word], ...] = (*command.plain_env.items(), *launcher.items())
    hidden = tuple(word.name for word in command.argv if isinstance(word, Variable))
    if hidden and interpreter is not None and interpreter.swift_dir is not None:
        # An image's own `swift` is given the values, which `ps` then shows on the nodes.
        program = hidden_words(program, hidden)
        env += ((HIDDEN, " ".join(hidden)),)
    if slurm.requeue:
        env += (("VLFT_SAVE_AND_END", str(attempt / REQUEST)),)
    taken = {name for name, _ in env} | ({"NODE_RANK"} if plan.torchrun else set())
    unset = tuple(name for name in command.unset if name not in taken)
    masked = {name: str(value) for name, value in (*env, *command.env.items())}
    return _Trainer(program, env, unset, command.secrets, MaskedCommand(shown, masked))


def _launched(plan: Plan, words: tuple[Word, ...]) -> tuple[Mapping[str, Word], tuple[Word, ...]]:
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


def _env_file(facts: Facts) -> str | None:
    found = facts.of_engine(SlurmFacts)
    return None if found is None or found.env_file is None else str(found.env_file)
