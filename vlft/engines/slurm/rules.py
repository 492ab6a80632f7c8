"""Jobs of Slurm: what sbatch can be told, and what the cluster says of it."""

from __future__ import annotations

import re

from vlft.engines.slurm.cluster import SlurmFacts
from vlft.engines.slurm.script import CONTROL
from vlft.engines.slurm.section import Container, Slurm, slurm_of
from vlft.rules.base import Problem, Problems, RunSpec, rule
from vlft.security.masking import places_of_secrets

# SOURCE[:TARGET[:FLAG+FLAG]]: commas part mounts, and enroot parts the fields by blanks.
_PATH = r"[./][^:,\s]*"
_MOUNT = re.compile(rf"(?:{_PATH}|tmpfs|umount)(?::{_PATH}(?::[^:,\s]*)?)?")
_PARTING = re.compile(r"[:,\s]")
_FLAG = re.compile(r"--[a-z][a-z-]*(?:=.*)?", re.DOTALL)
_OWNED = {
    "--container-image": "slurm.container.image",
    "--container-mounts": "slurm.container.mounts",
}


def _container(run: RunSpec) -> Container | None:
    return slurm_of(run.config).container


@rule("error", "silent")
def secret(run: RunSpec) -> Problems:
    """No secret is written into the job script: it comes from the environment or a file.

    Source: the job script is a file, and Slurm keeps a copy
    """
    for path in places_of_secrets(slurm_of(run.config).model_dump(), ("slurm",)):
        yield Problem(
            path,
            "this text holds a secret, which the job script exposes",
            "write it as NAME=value to a file that only you can read, and set slurm.env_file",
        )


@rule("error", "late")
def container_mounts(run: RunSpec) -> Problems:
    """A mount is SOURCE:TARGET or SOURCE:TARGET:FLAG+FLAG, and so is that of the run's folder.

    Source: pyxis: --container-mounts
    """
    container = _container(run)
    if container is None:
        return
    for index, mount in enumerate(container.mounts):
        bare = mount.partition(":")[0] in ("tmpfs", "umount") and ":" not in mount
        if bare or not _MOUNT.fullmatch(mount):
            yield Problem(
                ("slurm", "container", "mounts", index),
                f"`{mount}` is no mount",
                "write `/data:/data` or `/data:/data:ro+rprivate`: paths begin with `/` or `.`, "
                "and hold no comma, colon or blank",
            )
    folder = str(run.output_dir)
    if _PARTING.search(folder):
        yield Problem(
            ("output_dir",),
            f"the run's folder can't be mounted: {folder}",
            "choose a folder without commas, colons and blanks in its path",
        )


@rule("error", "late")
def container_flags(run: RunSpec) -> Problems:
    """`slurm.container.flags` are options of srun that no key owns, each in one word.

    Source: pyxis: specified multiple times
    """
    container = _container(run)
    for index, given in enumerate(container.flags if container is not None else ()):
        path = ("slurm", "container", "flags", index)
        name = given.partition("=")[0]
        if not _FLAG.fullmatch(given):
            yield Problem(path, f"`{given}` is no option", "write `--name` or `--name=value`")
        elif name in _OWNED:
            owner = _OWNED[name]
            yield Problem(path, f"`{name}` is decided by `{owner}`", f"write `{owner}`")


# man sbatch, --time: minutes, minutes:seconds, hours:minutes:seconds, and the same after days.
_TIME = re.compile(r"\d+(:\d{1,2}){0,2}|\d+-\d{1,2}(:\d{1,2}){0,2}|UNLIMITED|INFINITE", re.ASCII)


@rule("error", "aborts", says="Invalid --time")
def time(run: RunSpec) -> Problems:
    """The time limit has a form that sbatch reads.

    Source: man sbatch: --time
    """
    slurm = slurm_of(run.config)
    if not isinstance(slurm.time, str) or _TIME.fullmatch(slurm.time.upper()):
        return
    yield Problem(
        ("slurm", "time"),
        f"`{slurm.time}` is no time limit",
        "write minutes (90), 1:30:00, 2-0 for two days, or 2-12:00:00",
    )


@rule("error", "silent")
def line(run: RunSpec) -> Problems:
    """A value that becomes an option of sbatch is one line.

    Source: slurm: sbatch/opt.c, a line an option
    """
    for name, value in slurm_of(run.config).given().items():
        texts = [value] if isinstance(value, str) else value if name == "extra" else []
        if any(CONTROL.search(text) for text in texts):
            yield Problem(
                ("slurm", name),
                "a line break or a control character: sbatch reads one line an option",
                "write it in one line",
            )


@rule("error", "late")
def output_dir(run: RunSpec) -> Problems:
    """The output folder's name can be written for sbatch.

    Source: slurm: a backslash turns placeholders off
    """
    folder = str(run.output_dir)
    if "\\" in folder or CONTROL.search(folder):
        yield Problem(
            ("output_dir",),
            "sbatch can't write a log into a folder with a backslash or a line break in its name",
            "choose another folder",
        )


@rule("error", "late")
def gpus(run: RunSpec) -> Problems:
    """How many GPUs a node gives is known before the job is submitted.

    Source: sbatch: --gpus-per-node
    """
    if run.world.gpus_per_node is None:
        yield Problem(
            ("launch", "gpus"),
            "`gpus: auto` is not known before the job runs: what is visible here says nothing",
            "write the number of GPUs of a node: `launch: {gpus: 8}`",
        )


_KEY_OF = {
    "--nodes": "launch.nnodes", "-N": "launch.nnodes",
    "--gpus": "launch.gpus", "-G": "launch.gpus", "--gpus-per-node": "launch.gpus",
    "--gpus-per-task": "launch.gpus",
    "--partition": "slurm.partition", "-p": "slurm.partition",
    "--account": "slurm.account", "-A": "slurm.account",
    "--qos": "slurm.qos", "-q": "slurm.qos",
    "--time": "slurm.time", "-t": "slurm.time",
    "--constraint": "slurm.constraint", "-C": "slurm.constraint",
    "--exclude": "slurm.exclude", "-x": "slurm.exclude",
    "--reservation": "slurm.reservation",
    "--dependency": "slurm.dependency", "-d": "slurm.dependency",
    "--cpus-per-task": "slurm.cpus_per_task", "-c": "slurm.cpus_per_task",
    "--mem": "slurm.mem",
    "--gres": "slurm.gres",
    "--comment": "slurm.comment",
    "--requeue": "slurm.requeue", "--no-requeue": "slurm.requeue",
    "--signal": "slurm.signal_seconds",
}  # fmt: skip
"""Option → the key that owns it."""

_TASKS = "one task a node starts all its processes"
_NAME = "the run's id is the job's name"
_LOG = "the log lies in the run's folder"
_ARRAY = "several configs make an array: vlft train A.yaml B.yaml"
_CHDIR = "the job starts where vlft train was called"
_WAIT = "vlft runs logs -f waits"

_DECIDED = {
    "--ntasks": _TASKS, "-n": _TASKS, "--ntasks-per-node": _TASKS,
    "--job-name": _NAME, "-J": _NAME,
    "--output": _LOG, "-o": _LOG, "--error": _LOG, "-e": _LOG,
    "--open-mode": "a job that begins again goes on in the same log",
    "--array": _ARRAY, "-a": _ARRAY,
    "--chdir": _CHDIR, "-D": _CHDIR,
    "--wait": _WAIT, "-W": _WAIT,
    "--wrap": "it writes the script",
    "--parsable": "it reads the job's id",
    "--test-only": "vlft validate asks the cluster",
}  # fmt: skip
"""Option → why vlft alone writes it."""

_TOLD_BY = {
    "partition": "partition",
    "time": "time",
    "feature": "constraint",
    "reservation": "reservation",
    "account": "account",
    "qos": "qos",
    "gres": "gres",
    "memory": "mem",
    "dependency": "dependency",
}
"""A word in sbatch's refusal → the key under `slurm:` that it is likely about."""


@rule("error", "silent")
def extra(run: RunSpec) -> Problems:
    """`slurm.extra` holds options of sbatch that no key owns, each with its value in one word.

    Source: one owner a value
    """
    for index, option in enumerate(slurm_of(run.config).extra):
        path = ("slurm", "extra", index)
        name = option.partition("=")[0] if option.startswith("--") else option[:2]
        if not re.fullmatch(r"--[a-z][a-z-]*(=.*)?|-[A-Za-z].*", option, re.DOTALL):
            yield Problem(path, f"`{option}` is no option", "write `--name=value`")
        elif name in _KEY_OF:
            yield Problem(
                path, f"`{name}` is decided by `{_KEY_OF[name]}`", f"write `{_KEY_OF[name]}`"
            )
        elif name in _DECIDED:
            yield Problem(path, f"vlft decides `{name}`: {_DECIDED[name]}", "leave it out")


@rule("error", "silent")
def signal(run: RunSpec) -> Problems:
    """`slurm.signal_seconds` goes with `slurm.requeue`.

    Source: sbatch: --signal
    """
    slurm = slurm_of(run.config)
    if slurm.signal_seconds is not None and not slurm.requeue:
        yield Problem(
            ("slurm", "signal_seconds"),
            "nothing waits for the signal: the job does not begin again",
            "write `requeue: true` too",
            at_key=True,
        )


@rule("error", "late")
def env_file(run: RunSpec) -> Problems:
    """`slurm.env_file` is there, and nobody but its owner may read it.

    Source: vlft: the job's shell reads the file
    """
    facts = run.facts.of_engine(SlurmFacts)
    if facts is not None and facts.env_file_problem is not None:
        yield Problem(
            ("slurm", "env_file"),
            f"{facts.env_file} {facts.env_file_problem}",
            f"chmod 600 {facts.env_file}" if "others" in facts.env_file_problem else None,
        )


@rule("error", "silent")
def container_python(run: RunSpec) -> Problems:
    """`launch.python` is for jobs without a container.

    Source: vlft: the image's `swift` trains
    """
    if _container(run) is not None and run.config.launch.python:
        yield Problem(
            ("launch", "python"),
            "in a container the image's own `swift` trains: this Python is not used",
            "leave it out",
            at_key=True,
        )


@rule("error", "aborts")
def refused(run: RunSpec) -> Problems:
    """The cluster would take the job.

    Source: sbatch --test-only
    """
    facts, slurm = run.facts.of_engine(SlurmFacts), slurm_of(run.config)
    if facts is None or facts.refusal is None:
        return
    options = slurm.options(run.world)
    yield Problem(
        _refused_key(facts.refusal, slurm),
        f"the cluster refuses the job: {facts.refusal}",
        "what it was asked for: " + " ".join(options),
    )


def _refused_key(refusal: str, slurm: Slurm) -> tuple[str, ...]:
    """The key that sbatch's words are about, as far as they say so."""
    said = refusal.lower()
    given = slurm.given()
    for word, key in _TOLD_BY.items():
        if word in said and key in given:
            return ("slurm", key)
    asked_for_nodes = "node count" in said or "processors" in said
    return ("launch", "nnodes") if asked_for_nodes else ("launch", "engine")
