"""One job → the text of its batch script. Pure; golden files show what it makes."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from vlft.errors import VlftError
from vlft.security.secrets import Secret, Variable, Word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from vlft.plan import MaskedCommand


CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
"""What a line of sbatch can't hold."""

SCRIPT: Final = "job.sbatch"
REQUEST: Final = "save-and-end"
"""File of an attempt that asks the trainer to save and to end: see trainer_side."""
_PROGRAMS: Final = ("/cli/sft.py", "/cli/pt.py", "/cli/rlhf.py")
_LAST_SECONDS: Final = 45  # in which a trainer that has not obeyed is ended, and the job requeued


class Job(Struct, frozen=True):
    """A job about to be submitted: all that its batch script is made of.

    Attributes:
        options: sbatch's, `--name=value` each, beside the job's name and log.
        folder: The run's folder.
        attempt: The folder of this attempt, which the script goes to: the run's own, or one in it.
        cwd: Working directory of the trainer.
        vlft: How vlft is started on the first node.
        setup: The user's own lines of bash.
        env_file: A file of variables for the shell; None without one.
        unset: Variables that must not reach the trainer.
        secrets: Variables that the job must have from where it was submitted, or from `env_file`.
        env: Further variables of the trainer.
        program: The trainer's words.
        command: The trainer for the record; what only the job knows stands as $NAME.
        resuming: Words that a restarted job adds behind `--resume_from_checkpoint FOLDER`.
        nnodes: Nodes.
        rendezvous: Whether the processes have to find each other.
        port: Port of node 0; None takes one from the job's id.
        srun: Further options of srun.
        signal_seconds: How long before its time is up the job is told, and begins again; None
            for a job that does not.
    """

    options: tuple[str, ...]
    folder: Path
    attempt: Path
    cwd: str
    vlft: tuple[str, ...]
    setup: tuple[str, ...]
    env_file: str | None
    unset: tuple[str, ...]
    secrets: Mapping[str, Secret]
    env: tuple[tuple[str, Word], ...]
    program: tuple[Word, ...]
    command: MaskedCommand
    resuming: tuple[str, ...]
    nnodes: int
    rendezvous: bool
    port: int | None
    srun: tuple[str, ...]
    signal_seconds: int | None


def render_script(job: Job) -> str:
    """The text for sbatch.

    Raises:
        VlftError: If an option can't be written, or sbatch can't write into the attempt's folder.
    """
    parts = [_head(job), _ending(job), _surroundings(job)]
    if job.rendezvous:
        parts.append(_rendezvous(job))
    parts += [_trainer(job), _restart(job), _step(job), _last(job)]
    return "\n".join("".join(f"{line}\n" for line in part) for part in parts)


def _head(job: Job) -> Iterator[str]:
    yield "#!/bin/bash"
    yield directive(f"--job-name={job.folder.name}")
    yield directive(f"--output={file_pattern(str(job.attempt), 'slurm-%j.out')}")
    yield directive("--open-mode=append")
    yield from (directive(option) for option in job.options)
    yield "#"
    yield "# Made by vlft for one run; `sbatch --parsable FILE` submits it by hand."


def _ending(job: Job) -> Iterator[str]:
    """How the job ends goes into outcome.json, whatever the way."""
    yield f"vlft=({_words(job.vlft)})"
    yield f"vlft_run={word(str(job.folder))}"
    yield f"vlft_attempt={word(str(job.attempt))}"
    yield "vlft_stopped='' vlft_preempted='' vlft_watch=''"
    yield "vlft_conclude() {"
    yield "    local code=$?"
    yield "    trap - EXIT"
    yield '    "${vlft[@]}" runs conclude "$vlft_attempt" --exit-code "$code" \\'
    yield '        ${vlft_stopped:+--stopped-by "$vlft_stopped"}'
    yield '    exit "$code"'
    yield "}"
    yield "trap vlft_conclude EXIT"
    yield "trap 'vlft_stopped=SIGTERM' TERM"
    if job.signal_seconds is not None:
        patience = max(job.signal_seconds // 2, job.signal_seconds - _LAST_SECONDS)
        yield "# Time is nearly up: the trainer is asked to save and to end; if it does not, for it"
        yield "# may still be loading the model, it is ended."
        yield "vlft_ask() {"
        yield "    vlft_preempted=1"
        yield f'    : > "$vlft_attempt/{REQUEST}"'
        yield f'    (sleep {patience} && scancel --signal=TERM "$SLURM_JOB_ID") &'
        yield "    vlft_watch=$!"
        yield "}"
        yield "trap vlft_ask USR1"
    yield 'printf \'{"version": 1, "engine": "slurm", "job": "%s"}\\n\' "$SLURM_JOB_ID" \\'
    yield '    > "$vlft_attempt/.job.$SLURM_JOB_ID"'
    yield 'mv --no-clobber "$vlft_attempt/.job.$SLURM_JOB_ID" "$vlft_attempt/job.json"'
    yield 'rm -f "$vlft_attempt/.job.$SLURM_JOB_ID"'


def _surroundings(job: Job) -> Iterator[str]:
    yield f"cd -- {word(job.cwd)} || exit"
    if job.env_file is not None:
        yield "set -o allexport"
        yield f". {word(job.env_file)} || exit"
        yield "set +o allexport"
    if job.setup:
        yield "# slurm.setup, as it is written in the config:"
        yield from job.setup
    for name in job.secrets:
        yield f'export {name}="${{{name}:?is not set: it is a secret}}"'


def _rendezvous(job: Job) -> Iterator[str]:
    yield 'MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)'
    # Below the ports that the kernel gives to outgoing connections.
    port = str(job.port) if job.port else "$((20000 + SLURM_JOB_ID % 10000))"
    yield f"MASTER_PORT={port}"


def _trainer(job: Job) -> Iterator[str]:
    yield "trainer=("
    yield "    " + " ".join(["env", *(f"-u {name}" for name in job.unset)])
    for name, value in job.env:
        yield f"    {_assigned(name, value)}"
    line = ""
    for item in job.program:
        if line and _opens_a_line(item):
            yield f"    {line}"
            line = ""
        line = f"{line} {_word(item)}".lstrip()
    yield f"    {line}"
    yield ")"


def _opens_a_line(item: Word) -> bool:
    """Whether a word is a flag, or the program that torchrun starts."""
    text = item if isinstance(item, str) else item.prefix
    return text.startswith("--") or text.endswith(_PROGRAMS)


def _restart(job: Job) -> Iterator[str]:
    yield "# Slurm has started this job before: it goes on from what was saved."
    yield "if ((${SLURM_RESTART_COUNT:-0} > 0)); then"
    yield f'    rm -f "$vlft_attempt/outcome.json" "$vlft_attempt/{REQUEST}"'
    yield '    if vlft_checkpoint=$("${vlft[@]}" runs checkpoint --set-aside "$vlft_run"); then'
    yield '        echo "vlft: going on from $vlft_checkpoint"'
    added = "".join(f" {word(item)}" for item in job.resuming)
    yield f'        trainer+=(--resume_from_checkpoint "$vlft_checkpoint"{added})'
    yield "    fi"
    yield "fi"


def _step(job: Job) -> Iterator[str]:
    nodes = job.nnodes
    options = [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
    options += ["--kill-on-bad-exit=1", *(["--label"] if nodes > 1 else [])]
    yield "# srun does not take this over from sbatch."
    yield 'if [ -n "${SLURM_CPUS_PER_TASK:-}" ]; then'
    yield '    export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"'
    yield "fi"
    yield 'if [ -z "$vlft_preempted$vlft_stopped" ]; then'
    yield f"    srun {_words(tuple(options))} \\"
    yield from (f"        {word(option)} \\" for option in job.srun)
    if job.rendezvous:
        ranks = "NODE_RANK=$SLURM_NODEID PET_NODE_RANK=$SLURM_NODEID"
        yield f"        bash -c '{ranks} exec \"$@\"' trainer \\"
    yield '        "${trainer[@]}" < /dev/null &'
    yield "    vlft_step=$!"
    yield '    while kill -0 "$vlft_step" 2> /dev/null; do  # a signal ends `wait` before the step'
    yield '        wait "$vlft_step"'
    yield "    done"
    yield '    wait "$vlft_step"'
    yield "    vlft_code=$?"
    yield "fi"


def _last(job: Job) -> Iterator[str]:
    if job.signal_seconds is not None:
        yield 'if [ -n "$vlft_preempted" ]; then'
        yield '    kill "$vlft_watch" 2> /dev/null'
        yield "    # A request that nobody took: the training was over."
        yield f'    if [ "${{vlft_code:-1}}" = 0 ] && [ -e "$vlft_attempt/{REQUEST}" ]; then'
        yield "        vlft_preempted=''"
        yield "    fi"
        yield "fi"
        yield 'if [ -n "$vlft_preempted" ] && [ -z "$vlft_stopped" ]; then'
        yield '    if scontrol requeue "$SLURM_JOB_ID"; then'
        yield "        trap - EXIT  # it has not ended"
        yield "        exit 0"
        yield "    fi"
        yield "fi"
    yield 'exit "${vlft_code:-143}"'


def render_array(jobs: Sequence[Job]) -> str:
    """The text for sbatch.

    Raises:
        VlftError: If the jobs ask for different things, which an array can't.
    """
    first = jobs[0]
    for job in jobs[1:]:
        different = sorted(set(first.options) ^ set(job.options))
        if different:
            raise VlftError(
                f"the jobs of an array ask for the same: {first.folder.name} and "
                f"{job.folder.name} differ in {', '.join(different)}",
                "write the same in both, or submit them one by one",
            )
    own = (
        f"--array=0-{len(jobs) - 1}",
        f"--job-name=vlft-{len(jobs)}-runs",
        f"--output={file_pattern(str(first.attempt), 'array-%A_%a.out')}",
        "--open-mode=append",
    )
    lines = [
        "#!/bin/bash",
        *(directive(option) for option in (*own, *first.options)),
        "#",
        "# Made by vlft: each element of the array is one run, with a script of its own.",
        "runs=(",
        *(f"    {word(str(job.attempt))}" for job in jobs),
        ")",
        "run=${runs[SLURM_ARRAY_TASK_ID]}",
        f'exec bash "$run/{SCRIPT}" >> "$run/slurm-$SLURM_JOB_ID.out" 2>&1',
    ]
    return "".join(f"{line}\n" for line in lines)


def _assigned(name: str, value: Word) -> str:
    if isinstance(value, Variable):
        return f'{name}="${value.name}"'
    return word(f"{name}={value}")


def _word(item: Word) -> str:
    if isinstance(item, Variable):
        return f'{word(item.prefix) if item.prefix else ""}"${item.name}"'
    return word(item)


def _words(items: tuple[str, ...]) -> str:
    return " ".join(map(word, items))


def word(value: str) -> str:
    r"""A value as one word of bash.

    sbatch refuses a script with `\r\n` in it, wherever it stands; bash knows another way to
    write a carriage return.
    """
    if "\r" not in value:
        return shlex.quote(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\r", "\\r")
    return f"$'{escaped}'"


def directive(option: str) -> str:
    """An `#SBATCH` line for `--name=value` or `--flag`.

    sbatch reads quotes and backslashes by rules of its own, and expands nothing
    (slurm: sbatch/opt.c).

    Raises:
        VlftError: If the value can't stand in one line.
    """
    if CONTROL.search(option):
        raise VlftError(
            f"{option.partition('=')[0]}: a line of sbatch can't hold a line break or a control "
            "character",
        )
    name, equals, value = option.partition("=")
    if not equals:
        return f"#SBATCH {option}"
    if not re.fullmatch(r"[\w%@:/.,+-]+", value, re.ASCII):
        value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"#SBATCH {name}={value}"


def file_pattern(folder: str, name: str) -> str:
    """A file of a folder for --output, in which `%` begins a placeholder and `%%` is a percent.

    Args:
        folder: Taken literally.
        name: May have placeholders: `slurm-%j.out`.

    Raises:
        VlftError: If sbatch has no way to write that folder.
    """
    if "\\" in folder:
        raise VlftError(
            f"sbatch can't write into a folder with a backslash in its name: {folder}",
            "choose another output_dir",
        )
    return folder.replace("%", "%%") + "/" + name
