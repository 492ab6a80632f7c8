"""The engine `slurm`: a readable batch script in the run's folder, submitted."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

import vlft
from vlft.engines.base import Description, Engine, Order, Resumption, Trained, require_swift
from vlft.engines.local import error_log
from vlft.engines.process import HIDDEN, Outcome, hidden_words, write_outcome
from vlft.engines.resume import begin, note
from vlft.engines.slurm import SlurmTraits
from vlft.engines.slurm.cluster import (
    NoAnswerError,
    SlurmFacts,
    begins_again,
    call,
    cancel,
    failure,
    read_job,
    require,
    state_of,
    write_job,
)
from vlft.engines.slurm.script import REQUEST, SCRIPT, Job, render_array, render_script
from vlft.engines.slurm.section import SIGNAL_SECONDS, Slurm, slurm_of
from vlft.engines.stop import await_end, stop_processes
from vlft.environment import ENVIRON, Environment
from vlft.errors import VlftError
from vlft.files import write_text
from vlft.output import console
from vlft.plan import MaskedCommand, Plan, launcher_variables, render, torchrun_words
from vlft.resolve.model import is_patched
from vlft.runs.create import create_run, run_folder
from vlft.runs.record import CHECKPOINTS, Run, read_run, remember
from vlft.security.secrets import Secret, Variable, Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vlft.pipeline import Ready
    from vlft.swift.release import Arguments

ARRAY: Final = "array.sbatch"
# Arguments of a first start that a job which begins again must not be given.
_FIRST_START: Final = ("resume_only_model", "ignore_data_skip")
_PLUGIN: Final = Path(vlft.__file__).parent / "trainer_side" / "save_and_end.py"
_CALLBACK: Final = "vlft_save_and_end"
_POLL_S: Final = 0.5
# srun's labels, which tell the node, and what Slurm itself says among the trainer's lines.
_NOISE: Final = re.compile(
    rb"^(?: *\d+: )?(?:srun|slurmstepd|scancel): .*\n?|^ *\d+: ", re.MULTILINE
)
_SECONDS: Final = 120
# What the job would take from a job around vlft for its own, and what sbatch would put over the
# options in the script (man sbatch: INPUT ENVIRONMENT VARIABLES).
_LEFT_OUT: Final = re.compile(r"SLURM_(?!CONF$|CLUSTERS$)|SBATCH_|SRUN_|SALLOC_")
_WHERE_SILENT: Final = {
    "SBATCH_ACCOUNT": "--account=",
    "SBATCH_PARTITION": "--partition=",
    "SBATCH_QOS": "--qos=",
    "SBATCH_CONSTRAINT": "--constraint=",
    "SBATCH_RESERVATION": "--reservation=",
    "SBATCH_TIMELIMIT": "--time=",
    "SBATCH_MEM_PER_NODE": "--mem=",
    "SBATCH_GRES": "--gres=",
    "SBATCH_CLUSTERS": "--clusters=",
}
"""The user's defaults → the options that decide instead of them."""


class SlurmEngine(SlurmTraits, Engine):
    """Jobs of Slurm, which belong to the cluster from their submission on."""

    def describe(self, prepared: Ready, order: Order) -> Description:
        """The batch script."""
        job = plan_job(prepared, run_folder(prepared.run, order.run_id))
        text = render_script(job)
        starter = f"sbatch --parsable {job.attempt / SCRIPT}"
        return Description(text, job.command, starter, {"script": text})

    def start(self, order: Order) -> Iterator[Trained]:
        """Submits one job, or an array for several configs, and does not wait for it."""
        require("sbatch")
        for prepared in order.configs:
            if not self.uses_image(prepared.loaded.config):
                require_swift(prepared)
        jobs = [
            plan_job(prepared, run_folder(prepared.run, order.run_id)) for prepared in order.configs
        ]
        # Whatever can't be written is found before the first folder is made.
        texts = _texts(jobs)
        array_secrets(jobs)
        for prepared, job in zip(order.configs, jobs, strict=True):
            create_run(job.folder, prepared.run, prepared.plan, job.command, order.overrides)
            remember(job.folder)
        console.note(f"vlft: submitted job {_submit(jobs, texts)}")
        for job in jobs:
            run = read_run(job.folder)
            if run is not None:
                yield Trained(run, 0)

    def resume(self, resumption: Resumption, *, node_rank: int = 0) -> Trained:  # noqa: ARG002
        """Submits a new job, and does not wait for it."""
        require("sbatch")
        run = resumption.run
        folder = begin(resumption)
        job = plan_job(resumption.prepared, run.folder, folder)
        note(resumption, folder, job.command)
        _submit([job], _texts([job]))
        return Trained(read_run(run.folder) or run, 0)

    def stop(self, run: Run, wait_s: float) -> Run:
        """Cancels the job, and waits until Slurm no longer knows it."""
        job = read_job(run.attempt)
        if job is None:
            return stop_processes(run, wait_s)
        cancel(job)
        hint = f"its job is {job}"
        ended = await_end(run, wait_s, lambda: state_of(job) == "gone", hint, _POLL_S)
        if not ended.outcome:  # it was cancelled before it began: nobody else would write one
            reason = "the job was cancelled before it could say how it ended"
            write_outcome(run.attempt, Outcome(status="stopped", reason=reason))
        return read_run(run.folder) or ended

    def begins_again(self) -> bool:
        """By what Slurm says of the job that this process is a part of."""
        return begins_again(ENVIRON)

    def last_error(self, attempt: Path) -> str | None:
        """In the newest log."""
        logs = self.log_files(attempt)
        newest = max(logs, key=lambda path: path.stat().st_mtime, default=None)
        return None if newest is None else error_log.last_error(newest, noise=_NOISE)


ENGINE = SlurmEngine()


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
        options=slurm.options(plan.world),
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


def array_secrets(jobs: Sequence[Job]) -> dict[str, Secret]:
    """What the submitting environment must hold for all of them.

    Raises:
        VlftError: If two jobs want the same variable to hold different secrets.
    """
    held: dict[str, Secret] = {}
    for job in jobs:
        for variable, value in job.secrets.items():
            if held.setdefault(variable, value) != value:
                raise VlftError(
                    f"the jobs of an array share one environment: {variable} differs in "
                    f"{job.folder.name}",
                    "give all of them the same, or submit them one by one",
                )
    return held


def _texts(jobs: Sequence[Job]) -> dict[Path, str]:
    """The scripts by their files; the last one is submitted.

    Raises:
        VlftError: If an option of sbatch can't be written, or the jobs are no array.
    """
    texts = {job.attempt / SCRIPT: render_script(job) for job in jobs}
    if len(jobs) > 1:
        texts[jobs[0].attempt / ARRAY] = render_array(jobs)
    return texts


def _submit(jobs: Sequence[Job], texts: Mapping[Path, str]) -> str:
    """Writes the scripts into the attempts' folders, which exist, and submits one job or array.

    Raises:
        VlftError: If sbatch refuses it, in its words; every attempt then has an outcome.
        OSError: If a folder can't be written.
    """
    for script, text in texts.items():
        write_text(script, text)
        script.chmod(0o700)
    try:
        submitted = sbatch(script, jobs[0].options, array_secrets(jobs))
    except VlftError as error:
        for job in jobs:
            write_outcome(job.attempt, Outcome(status="failed", reason=error.message))
        raise
    for index, job in enumerate(jobs):
        write_job(job.attempt, f"{submitted}_{index}" if len(jobs) > 1 else submitted)
    return submitted


def submitting_environment(
    caller: Environment, options: Sequence[str], secrets: Mapping[str, str | Secret]
) -> dict[str, str]:
    """What sbatch is started with, and the job after it.

    Args:
        caller: The environment of vlft.
        options: Those in the script; the caller's defaults count where they are silent.
        secrets: Variables that the job must have.
    """
    kept = {
        name
        for name, option in _WHERE_SILENT.items()
        if not any(given.startswith(option) for given in options)
    }
    unset = (name for name in caller if _LEFT_OUT.match(name) and name not in kept)
    return caller.for_process(secrets, tuple(unset))


def sbatch(script: Path, options: Sequence[str], secrets: Mapping[str, str | Secret]) -> str:
    """Submits a script; arguments as in `submitting_environment`.

    Raises:
        VlftError: If it is refused, or not answered.
    """
    environ = submitting_environment(ENVIRON, options, secrets)
    try:
        done = call("sbatch", "--parsable", str(script), seconds=_SECONDS, env=environ)
    except NoAnswerError as error:
        raise VlftError(
            f"{error.message}; it may have taken the job", "squeue --me shows whether it has"
        ) from None
    number = done.stdout.strip().partition(";")[0]
    if done.returncode != 0 or not number.isdecimal():
        raise VlftError(f"the cluster refused the job: {failure(done)}", f"the script: {script}")
    return number
