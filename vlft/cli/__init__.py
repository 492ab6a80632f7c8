"""The command line: one small file a command, imported when the command is asked for.

A file imports little at its top, so that `vlft --help`, which asks for all of them, starts as
fast as typer; what a command needs is imported when it is called. Errors become text and an exit
code here and nowhere else.
"""

from __future__ import annotations

import importlib
import sys
from collections import UserDict
from typing import TYPE_CHECKING, Any, ClassVar

import typer
from typer.core import TyperGroup

from vlft.cli.options import VerboseOption, VersionOption
from vlft.errors import InvalidError, StoppedError, VlftError
from vlft.output import console

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Commands(UserDict[str, Any]):
    """Commands by name, made of `module:function` or `module:app` when they are first read."""

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if isinstance(found, str):
            found = self[name] = _command(name, found)
        return found


def _command(name: str, target: str) -> Any:
    module, _, attribute = target.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        function, found = found, typer.Typer(add_completion=False, rich_markup_mode=None)
        found.command(name)(function)
    command = typer.main.get_command(found)
    command.name = name
    return command


class _Group(TyperGroup):
    """A group that imports the file of a command when it is asked for it."""

    targets: ClassVar[Mapping[str, str]]

    def __init__(self, **settings: Any) -> None:
        """Takes the settings that typer passes; the commands are those of `targets`."""
        super().__init__(**settings)
        self.commands = _Commands(self.targets)

    def list_commands(self, _context: Any) -> list[str]:
        """Names in the order of the help."""
        return list(self.targets)


class _DataCommands(_Group):
    targets: ClassVar = {
        "check": "vlft.cli.data_check:check",
        "convert": "vlft.cli.data_convert:convert",
        "stats": "vlft.cli.data_stats:stats",
    }


class _AllCommands(_Group):
    targets: ClassVar = {
        "init": "vlft.cli.init:init",
        "validate": "vlft.cli.validate:validate",
        "explain": "vlft.cli.explain:explain",
        "schema": "vlft.cli.schema:schema",
        "plan": "vlft.cli.plan:plan",
        "ls": "vlft.cli.recipes:ls",
        "cat": "vlft.cli.recipes:cat",
        "cp": "vlft.cli.recipes:cp",
        "train": "vlft.cli.train:train",
        "merge": "vlft.cli.merge:merge",
        "infer": "vlft.cli.infer:infer",
        "eval": "vlft.cli.eval:evaluate",
        "handover": "vlft.cli.handover:handover",
        "tokens": "vlft.cli.tokens:tokens",
        "demo": "vlft.cli.demo:demo",
        "doctor": "vlft.cli.doctor:doctor",
        "import": "vlft.cli.import_:app",
        "runs": "vlft.cli.runs:app",
        "data": "vlft.cli:data",
    }


app = typer.Typer(
    name="vlft",
    cls=_AllCommands,
    help="Fine-tune vision-language models with ms-swift from one YAML file.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root(version: VersionOption = False, verbose: VerboseOption = False) -> None:
    """Fine-tune vision-language models with ms-swift from one YAML file."""


data = typer.Typer(
    cls=_DataCommands, no_args_is_help=True, add_completion=False, rich_markup_mode=None
)


@data.callback()
def _data() -> None:
    """What the trainer will do with every row of a file."""


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    try:
        app()
    except InvalidError as error:
        from vlft.output.findings import print_findings

        print_findings(error.findings, error.documents)
        sys.exit(error.exit_code)
    except StoppedError as error:
        sys.exit(error.exit_code)
    except VlftError as error:
        console.error(error.message, error.hint)
        sys.exit(error.exit_code)
    except OSError as error:
        console.error(f"{error.filename or 'input/output'}: {error.strerror or error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        import logging

        console.error(
            f"internal error: {type(error).__name__}: {error}",
            "this is a mistake in vlft; with VLFT_DEBUG=1 it shows where",
        )
        logging.getLogger("vlft").debug("it comes from here:", exc_info=True)
        sys.exit(1)
