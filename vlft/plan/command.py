"""Plan → the process that `swift sft` would start, as argv and environment.

The `swift` command imports torch only to start another process that imports it again
(swift/cli/main.py); this is that other process. On a machine without ms-swift the command
is `swift …` itself, for reading and for use elsewhere.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vlft.plan.environment import FOREIGN
from vlft.security.secrets import MASK, is_secret_name, mask_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.plan.arguments import Arguments
    from vlft.plan.plan import Plan
    from vlft.resolve.world import World
    from vlft.swift.interpreter import Interpreter

_Word = TypeVar("_Word")


@dataclass(frozen=True)
class Command:
    """A process to start.

    Attributes:
        argv: Program and arguments.
        env: Variables to set on top of the caller's environment.
        unset: Variables of the caller that must not reach it.
    """

    argv: tuple[str, ...]
    env: dict[str, str]
    unset: tuple[str, ...]

    def environment(self, caller: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of the process."""
        kept = {name: value for name, value in caller.items() if name not in self.unset}
        return kept | self.env

    def masked(self) -> Command:
        """The same with secrets masked, for records and screens."""
        env = {
            name: MASK if is_secret_name(name) else mask_url(value)
            for name, value in self.env.items()
        }
        return Command(tuple(_masked_argv(self.argv)), env, self.unset)

    def shell_line(self, caller: Mapping[str, str]) -> str:
        """One line that a POSIX shell runs as it is.

        A secret stands as a reference to a variable, never as its value.
        """
        words, shown = ["env"], self.masked().env
        words += [word for name in self.unset if name in caller for word in ("-u", name)]
        words += [
            f"{name}={shlex.quote(value)}" if shown[name] == value else f'{name}="${{{name}}}"'
            for name, value in self.env.items()
        ]
        masked = list(_masked_argv(self.argv))
        names = [_flag_name(word) for word in (*self.argv, "")]
        for index, word in enumerate(masked):
            if word != MASK and not word.endswith(f"={MASK}"):
                words.append(shlex.quote(word))
            else:
                name = _flag_name(word) or names[index - 1] or ""
                prefix = f"--{name}=" if word != MASK else ""
                words.append(f'{prefix}"${{{name.upper()}}}"')
        return " ".join(words if len(words) > 1 + len(masked) else words[1:])


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
    unset = tuple(name for name in FOREIGN if name not in env)
    if interpreter is None or interpreter.swift_dir is None:
        return Command(("swift", plan.subcommand, *flags), env, unset)
    torchrun = torchrun_words(launcher) if plan.torchrun else ()
    script = str(Path(interpreter.swift_dir, "cli", f"{plan.subcommand}.py"))
    return Command((interpreter.python, *torchrun, script, *flags), env, unset)


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


def _flag_name(word: str) -> str | None:
    return word[2:].partition("=")[0] if word.startswith("--") else None


def _masked_argv(argv: tuple[str, ...]) -> list[str]:
    masked: list[str] = []
    secret = False
    for word in argv:
        name = _flag_name(word)
        if name is not None:
            secret = is_secret_name(name)
            masked.append(f"--{name}={MASK}" if secret and "=" in word else mask_url(word))
        else:
            masked.append(MASK if secret else mask_url(word))
    return masked
