"""The plan of a run, and the processes that carry it out as argv and environment.

The `swift` command imports torch only to start another process that imports it again
(swift/cli/main.py); this is that other process. On a machine without ms-swift the command
is `swift …` itself, for reading and for use elsewhere.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from msgspec import Struct, to_builtins
from msgspec.structs import force_setattr

from vlft.engines.traits import traits_of
from vlft.resolve.batch import Batch
from vlft.resolve.world import World
from vlft.security.secrets import Secret, Variable, Word, cover, cover_all
from vlft.swift.probe import read_swift
from vlft.swift.release import Arguments, as_flags

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vlft.environment import Environment
    from vlft.probe.collect import Facts
    from vlft.resolve.run import RunSpec
    from vlft.swift.interpreter import Interpreter


class Plan(Struct, frozen=True):
    """What will be run; goes to JSON and back.

    Attributes:
        subcommand: `sft`, `pt` or `rlhf`.
        batch: Rows per optimizer step.
        world: Processes and devices.
        torchrun: Whether the processes are started by torch.distributed.run.
        master_addr: Address of node 0; None on one node.
        master_port: Port of the rendezvous; None where torchrun chooses.
        arguments: Argument of ms-swift → its values as text.
        env: Variables set for the trainer on top of the caller's.
        model_type: The family as ms-swift calls it; None if unknown.
        swift_version: The ms-swift that the arguments were made for.
    """

    subcommand: str
    batch: Batch
    world: World
    torchrun: bool
    master_addr: str | None
    master_port: int | None
    arguments: dict[str, tuple[str, ...]]
    env: dict[str, str]
    model_type: str | None
    swift_version: str

    def to_json(self) -> dict[str, Any]:
        """As plain data for plan.json."""
        plan: dict[str, Any] = to_builtins(self)
        return plan

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        """The plan that `to_json` gave.

        Raises:
            KeyError, TypeError: If the data is no plan.
        """
        built = {
            "batch": Batch(**data["batch"]),
            "world": World(**data["world"]),
            "arguments": {name: tuple(texts) for name, texts in data["arguments"].items()},
        }
        return cls(**data | built)


def plan_run(run: RunSpec) -> Plan:
    """The plan of a run.

    Raises:
        ValueError: If the run has no batch; `pipeline.prepare` rejects such a config.
    """
    if not isinstance(run.batch, Batch):
        message = "a run whose batch does not come out has no plan"
        raise ValueError(message)  # noqa: TRY004 - not a type error of the caller
    address, port = run.master
    return Plan(
        subcommand=run.task,
        batch=run.batch,
        world=run.world,
        torchrun=run.uses_torchrun,
        master_addr=address,
        master_port=port,
        arguments=as_flags(run.args.written(), run.facts.swift.arguments[run.config.task]),
        env=_environment(run),
        model_type=run.family.swift_model_type if run.family else None,
        swift_version=run.facts.swift.version,
    )


# What makes a CPU run faster where the caller has said nothing. glibc gives large freed
# blocks back to the kernel and faults them in again at every step; logits over a whole
# vocabulary are such blocks, and a third of the time goes there. OpenMP's threads spin while
# they wait, which costs most of the speed as soon as anything else runs. Sizes in bytes.
_CPU_DEFAULTS = {
    "MALLOC_TRIM_THRESHOLD_": str(4 * 1024**3),
    "MALLOC_MMAP_THRESHOLD_": str(4 * 1024**3),
    "MALLOC_TOP_PAD_": str(256 * 1024**2),
    "OMP_WAIT_POLICY": "PASSIVE",
}


def _environment(run: RunSpec) -> dict[str, str]:
    """What vlft sets for the trainer; the launcher's own variables come with the command."""
    facts, world = run.facts, run.world
    caller = facts.environ
    env = {name: variable.text for name, variable in run.config_variables.items()}
    env = {**run.added_variables, **env}
    if world.visible_devices is not None:
        env[_devices_variable(facts)] = world.visible_devices
    if world.cpu:
        env = {name: value for name, value in _CPU_DEFAULTS.items() if name not in caller} | env
    cores = traits_of(run.config.launch.engine).cores_per_node(run.config)
    if cores is None and facts.hardware is not None:
        cores = facts.hardware.cores
    if cores and "OMP_NUM_THREADS" not in caller:
        threads = max(1, cores // (world.nproc_per_node or 1))
        env.setdefault("OMP_NUM_THREADS", str(threads))
    if "PYTHONUNBUFFERED" not in caller:
        env.setdefault("PYTHONUNBUFFERED", "1")  # the log says where it is, also in a crash
    return dict(sorted(env.items()))


def _devices_variable(facts: Facts) -> str:
    """The variable that says which devices a process sees: Ascend's own with torch_npu."""
    packages = facts.interpreter.packages if facts.interpreter else {}
    return "ASCEND_RT_VISIBLE_DEVICES" if "torch-npu" in packages else "CUDA_VISIBLE_DEVICES"


Tool = Literal["export", "infer", "deploy"]
_Word = TypeVar("_Word")


# Variables of a launcher around vlft that would be taken for this run's own.
_FOREIGN = (
    "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "LOCAL_SIZE", "NPROC_PER_NODE",
    "NNODES", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT",
)  # fmt: skip

_OWN: Final = "VLFT_"
"""Before the name of a variable that stands for an argument: the trainer reads none of these."""


class Command(Struct, frozen=True):
    """A process to start. It holds no secret in clear, whoever makes it.

    Attributes:
        argv: Program and arguments; a secret is given as text and kept as a Variable.
        env: Variables to set on top of the caller's environment; a secret is kept as a Secret.
        unset: Variables of the caller that must not reach it.
    """

    argv: tuple[Word, ...]
    env: Mapping[str, str | Secret]
    unset: tuple[str, ...]

    def __post_init__(self) -> None:
        force_setattr(self, "argv", tuple(_covered(self.argv)))
        force_setattr(self, "env", cover_all(self.env))

    @property
    def secrets(self) -> dict[str, Secret]:
        """What the environment must hold: variable → value."""
        held = {
            word.name: word.secret
            for word in self.argv
            if isinstance(word, Variable) and word.secret is not None
        }
        return held | {name: value for name, value in self.env.items() if isinstance(value, Secret)}

    @property
    def plain_env(self) -> dict[str, str]:
        """The variables that hold no secret."""
        return {name: value for name, value in self.env.items() if isinstance(value, str)}

    def masked(self) -> MaskedCommand:
        """The same with secrets masked, for records and screens."""
        env = {name: str(value) for name, value in self.env.items()}
        return MaskedCommand(tuple(map(str, self.argv)), env)

    def shell_line(self, caller: Environment) -> str:
        """One line that a POSIX shell runs as it is.

        A secret stands as a reference to a variable, never as its value.
        """
        words = [word for name in self.unset if name in caller for word in ("-u", name)]
        words += [
            f'{name}="${{{name}}}"' if isinstance(value, Secret) else f"{name}={shlex.quote(value)}"
            for name, value in self.env.items()
        ]
        words = ["env", *words] if words else []
        return " ".join([*words, *map(_shell_word, self.argv)])


class MaskedCommand(Struct, frozen=True):
    """A command as it may be shown.

    Attributes:
        argv: Program and arguments.
        env: Variables that vlft sets.
    """

    argv: tuple[str, ...]
    env: dict[str, str]


def _covered(argv: tuple[Word, ...]) -> Iterator[Word]:
    """Words of which none is a secret in clear."""
    flag = "argument"
    taken: set[str] = set()
    for word in argv:
        if isinstance(word, Variable):
            taken.add(word.name)
            yield word
            continue
        prefix, value = "", word
        if word.startswith("--"):
            flag, equals, value = word[2:].partition("=")
            prefix = f"--{flag}="
            if not equals:
                yield word
                continue
        held = cover(flag, value)
        if isinstance(held, str):
            yield word
        else:
            base = _OWN + re.sub(r"\W", "_", flag, flags=re.ASCII).upper()
            names = (base, *(f"{base}_{number}" for number in range(2, len(argv) + 2)))
            name = next(name for name in names if name not in taken)
            taken.add(name)
            yield Variable(name, prefix, held)


def _shell_word(word: Word) -> str:
    """A word of a printed line; whoever runs it has to set the variables."""
    if isinstance(word, str):
        return shlex.quote(word)
    prefix = shlex.quote(word.prefix) if word.prefix else ""
    return f'{prefix}"${{{word.name.removeprefix(_OWN)}}}"'


def render(
    plan: Plan,
    interpreter: Interpreter | None,
    output_dir: Path,
    *,
    master_port: int | None = None,
    node_rank: int = 0,
) -> Command:
    """The training process of one node.

    Args:
        plan: What to run.
        interpreter: The Python that has ms-swift; None renders `swift …`.
        output_dir: Folder that the checkpoints go to.
        master_port: Port of the rendezvous where the plan names none.
        node_rank: Which node this is, from 0.
    """
    own: Arguments = {"output_dir": (str(output_dir),), "add_version": ("false",)}
    port = plan.master_port or master_port
    launcher: dict[str, str] = {}
    if plan.torchrun:
        launcher = launcher_variables(
            plan.world,
            port=str(port) if port else None,
            address=plan.master_addr,
            node_rank=str(node_rank),
        )
    env = dict(sorted((plan.env | launcher).items()))
    flags = render_flags(plan.arguments | own)
    unset = _unset(env)
    if interpreter is None or interpreter.swift_dir is None:
        return Command(("swift", plan.subcommand, *flags), env, unset)
    torchrun = torchrun_words(launcher) if plan.torchrun else ()
    script = str(Path(interpreter.swift_dir, "cli", f"{plan.subcommand}.py"))
    return Command((interpreter.python, *torchrun, script, *flags), env, unset)


def render_tool(
    interpreter: Interpreter, tool: Tool, arguments: Arguments, env: Mapping[str, str]
) -> Command:
    """The process of another of ms-swift's programs.

    Args:
        interpreter: The Python that runs it.
        tool: The program; `deploy` has the arguments of `infer`, and a port.
        arguments: Its arguments; those that this ms-swift does not have are left out.
        env: Variables to set.
    """
    legal = read_swift(interpreter).arguments["export" if tool == "export" else "infer"]
    known = {name: texts for name, texts in arguments.items() if name in legal}
    flags = render_flags(as_flags(known, legal))
    script = str(Path(interpreter.swift_dir or "", "cli", f"{tool}.py"))
    return Command((interpreter.python, script, *flags), env, _unset(env))


def _unset(env: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in _FOREIGN if name not in env)


def render_flags(arguments: Arguments) -> list[str]:
    """Arguments as words.

    A single value that begins with a dash is joined by `=`: argparse would take it for a
    flag otherwise.
    """
    words: list[str] = []
    for name, values in arguments.items():
        if len(values) == 1 and values[0].startswith("-"):
            words.append(f"--{name}={values[0]}")
        else:
            words += [f"--{name}", *values]
    return words


def launcher_variables(
    world: World, *, port: _Word | None, address: _Word | None, node_rank: _Word | None
) -> dict[str, str | _Word]:
    """Variables that ms-swift's own command turns into torchrun's flags, in its order.

    Args:
        world: With a known number of processes.
        port: Of node 0; None if torchrun chooses.
        address: Of node 0, where there are several.
        node_rank: Which node this is; None if each node says so itself.
    """
    nodes = world.nnodes > 1
    values: dict[str, str | _Word | None] = {
        "NPROC_PER_NODE": str(world.nproc_per_node),
        "MASTER_PORT": port,
        "NNODES": str(world.nnodes) if nodes else None,
        "NODE_RANK": node_rank if nodes else None,
        "MASTER_ADDR": address if nodes else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def torchrun_words(launcher: Mapping[str, _Word]) -> tuple[str | _Word, ...]:
    """What stands between a Python and the program that torchrun starts with it."""
    flags = (word for name, value in launcher.items() for word in (f"--{name.lower()}", value))
    return ("-m", "torch.distributed.run", *flags)
