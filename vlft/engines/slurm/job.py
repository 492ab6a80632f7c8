"""A planned config → the job that runs it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import vlft
from vlft.engines.process import HIDDEN, hidden_words
from vlft.engines.slurm.options import SIGNAL_SECONDS, sbatch_options
from vlft.engines.slurm.probe import gpus_asked_for
from vlft.engines.slurm.quoting import file_pattern
from vlft.engines.slurm.script import REQUEST, Script, render_script
from vlft.plan.command import MaskedCommand, render
from vlft.resolve.patches import is_patched
from vlft.runs.record import CHECKPOINTS
from vlft.security.secrets import Secret, Variable, Word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.schema import Config
    from vlft.engines.sections import Slurm
    from vlft.plan.arguments import Arguments
    from vlft.plan.plan import Plan
    from vlft.probe.collect import Facts

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

    def to_json(self, plan: Plan) -> dict[str, Any]:
        """The documented object of `vlft train --dry-run --format json`."""
        return {
            "argv": list(self.command.argv),
            "env": self.command.env,
            "command": f"sbatch --parsable {self.attempt / SCRIPT}",
            "nodes": plan.world.nnodes,
            "nproc_per_node": plan.world.nproc_per_node,
            "world_size": plan.world.world_size,
            "engine": "slurm",
            "script": self.text,
        }


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
    slurm, attempt = config.slurm, attempt or folder
    requeue = slurm is not None and slurm.requeue
    legal = facts.swift.arguments[config.task]
    arguments = _with_plugin(plan.arguments, legal) if requeue else plan.arguments
    interpreter = None if slurm is not None and slurm.container else facts.interpreter
    # torchrun's own flags are added here: what they say is known to the job only.
    bare = replace(plan, torchrun=False, arguments=arguments)
    command = render(bare, interpreter, folder / CHECKPOINTS)
    launcher, program = _launched(plan, command.argv)
    shown = tuple(map(str, program))
    variables = (*command.plain_env.items(), *launcher)
    hidden = tuple(word.name for word in command.argv if isinstance(word, Variable))
    if hidden and interpreter is not None and interpreter.swift_dir is not None:
        # An image's own `swift` is given the values, which `ps` then shows on the nodes.
        program = hidden_words(program, hidden)
        variables += ((HIDDEN, " ".join(hidden)),)
    if requeue:
        variables += (("VLFT_SAVE_AND_END", str(attempt / REQUEST)),)
    told = "OMP_NUM_THREADS" in command.env or "OMP_NUM_THREADS" in facts.environ
    if slurm is not None and slurm.cpus_per_task and not told:
        threads = max(1, slurm.cpus_per_task // (plan.world.nproc_per_node or 1))
        variables += (("OMP_NUM_THREADS", str(threads)),)
    taken = {name for name, _ in variables} | ({"NODE_RANK"} if plan.torchrun else set())
    unset = tuple(name for name in command.unset if name not in taken)
    world = plan.world
    script = Script(
        options=(
            f"--job-name={folder.name}",
            f"--output={file_pattern(str(attempt), 'slurm-%j.out')}",
            "--open-mode=append",
            *sbatch_options(slurm, world.nnodes, gpus_asked_for(config, world.gpus_per_node)),
        ),
        run=str(folder),
        attempt=str(attempt),
        cwd=str(Path.cwd()),
        vlft=(sys.executable, "-m", "vlft"),
        setup=tuple(slurm.setup) if slurm is not None else (),
        env_file=_env_file(facts),
        unset=unset,
        needed=tuple(command.secrets),
        env=variables,
        program=program,
        resuming=tuple(
            word for name in _FIRST_START if name in arguments for word in (f"--{name}", "false")
        ),
        nnodes=world.nnodes,
        rendezvous=plan.torchrun,
        port=config.launch.master_port,
        srun=_srun_options(slurm, folder, arguments),
        signal_seconds=(slurm.signal_seconds or SIGNAL_SECONDS) if slurm and requeue else None,
    )
    env = {name: str(word) for name, word in variables} | {
        name: str(value) for name, value in command.env.items() if isinstance(value, Secret)
    }
    return PlannedJob(folder, attempt, script, command.secrets, MaskedCommand(shown, env))


def _launched(
    plan: Plan, words: tuple[Word, ...]
) -> tuple[tuple[tuple[str, Word], ...], tuple[Word, ...]]:
    """Variables and words of a run that torchrun starts; as they are for one process.

    `swift`, which is all that is known of an image, reads the variables; else they are
    torchrun's flags as well.
    """
    if not plan.torchrun:
        return (), words
    world = plan.world
    values: list[tuple[str, Word]] = [
        ("NPROC_PER_NODE", str(world.nproc_per_node)),
        ("MASTER_PORT", Variable("MASTER_PORT")),
    ]
    if world.nnodes > 1:
        values += [("NNODES", str(world.nnodes)), ("MASTER_ADDR", Variable("MASTER_ADDR"))]
    if words[0] == "swift":
        return tuple(values), words
    flags = [word for name, value in values for word in (f"--{name.lower()}", value)]
    python, *rest = words
    return tuple(values), (python, "-m", "torch.distributed.run", *flags, *rest)


def _with_plugin(arguments: Arguments, legal: Mapping[str, object]) -> Arguments:
    """The same, and the callback that saves when the batch shell asks for it."""
    added = {"external_plugins": str(_PLUGIN)}
    if "callbacks" in legal:  # before 4.0 the plugin itself puts it on a list
        added["callbacks"] = _CALLBACK
    return arguments | {name: (*arguments.get(name, ()), one) for name, one in added.items()}


def _srun_options(slurm: Slurm | None, folder: Path, arguments: Arguments) -> tuple[str, ...]:
    container = slurm.container if slurm is not None else None
    if container is None:
        return ()
    own = [f"{folder}:{folder}"]
    if (slurm is not None and slurm.requeue) or is_patched(arguments):
        own.append(f"{_PLUGIN.parent}:{_PLUGIN.parent}:ro")
    mounts = ",".join([*own, *container.mounts])
    return (
        f"--container-image={container.image}",
        f"--container-mounts={mounts}",
        *container.flags,
    )


def _env_file(facts: Facts) -> str | None:
    file = facts.slurm.env_file if facts.slurm is not None else None
    return None if file is None else str(file)
