"""Examples of the rules `slurm.*`."""

from __future__ import annotations

from examples.base import Example

# A stand-in for sbatch that knows one partition; the real one is asked in tests/slurm.
ENVIRON = {"PATH": "one-partition:/usr/bin:/bin"}
_ON = "launch.engine=slurm"


def _example(fails: list[str], passes: list[str]) -> Example:
    return Example([_ON, *fails], [_ON, *passes], environ=ENVIRON)


EXAMPLES = {
    "slurm.section": Example(["slurm.time=60"], [_ON, "slurm.time=60"], environ=ENVIRON),
    "slurm.time": _example(["slurm.time=2 days"], ["slurm.time=2-0"]),
    "slurm.line": _example(['slurm.comment="a\\nb"'], ["slurm.comment=a b"]),
    "slurm.output-dir": _example(["output_dir='a\\b'"], ["output_dir=100% a b"]),
    "slurm.gpus": _example(["launch.gpus=auto"], ["launch.gpus=2"]),
    "slurm.gpu-list": _example(["launch.gpus=[2, 3]"], ["launch.gpus=2"]),
    "slurm.extra": _example(
        ["slurm.extra=[--partition=main]"], ["slurm.extra=['--mail-type=END', -v]"]
    ),
    "slurm.signal": _example(
        ["slurm.signal_seconds=60"], ["slurm.signal_seconds=60", "slurm.requeue=true"]
    ),
    "slurm.secret": _example(
        ["slurm.setup=['export HF_TOKEN=hf_abcdefgh']"], ["slurm.setup=['export HF_TOKEN=$MINE']"]
    ),
    "slurm.env-file": _example(["slurm.env_file=open.env"], ["slurm.env_file=private.env"]),
    "slurm.container-python": _example(
        ["slurm.container={image: a}", "launch.python=python3"], ["slurm.container={image: a}"]
    ),
    "slurm.refused": _example(["slurm.partition=nope"], ["slurm.partition=main"]),
}
