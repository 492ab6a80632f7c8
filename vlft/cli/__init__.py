"""The command line: one small file a command, imported when the command is asked for.

A file imports little at its top, so that `vlft --help`, which asks for all of them, starts as
fast as typer; what a command needs is imported when it is called. Errors become text and an exit
code here and nowhere else.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, Final

import typer
from typer.core import TyperGroup

from vlft.cli.options import VerboseOption, VersionOption
from vlft.errors import InvalidError, StoppedError, VlftError
from vlft.output import console

_TARGETS: Final = {
    "init": "recipes:init",
    "validate": "validate:validate",
    "explain": "explain:explain",
    "schema": "explain:schema",
    "plan": "plan:plan",
    "ls": "recipes:ls",
    "cat": "recipes:cat",
    "cp": "recipes:cp",
    "train": "train:train",
    "merge": "merge:merge",
    "infer": "infer:infer",
    "eval": "infer:evaluate",
    "handover": "infer:handover",
    "tokens": "tokens:tokens",
    "demo": "demo:demo",
    "doctor": "doctor:doctor",
    "import": "import_:app",
    "runs": "runs:app",
    "data": "data:app",
}
"""Command → `module:function` or `module:app` in this folder, in the order of the help."""


class _Group(TyperGroup):
    """A group that imports the file of a command when it is asked for it."""

    def __init__(self, **settings: Any) -> None:
        """Takes the settings that typer passes."""
        super().__init__(**settings)
        self.commands: Any = _TARGETS  # their names are looked at for one that is near

    def list_commands(self, _context: Any) -> list[str]:
        """Names in the order of the help."""
        return list(_TARGETS)

    def get_command(self, _context: Any, name: str) -> Any:
        """The command of this name; None if there is none."""
        if name not in _TARGETS:
            return None
        module, _, attribute = _TARGETS[name].partition(":")
        found = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False, rich_markup_mode=None)
            found.command(name)(function)
        command = typer.main.get_command(found)
        command.name = name
        return command


app = typer.Typer(
    name="vlft",
    cls=_Group,
    help="Fine-tune vision-language models with ms-swift from one YAML file.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root(version: VersionOption = False, verbose: VerboseOption = False) -> None:
    """Fine-tune vision-language models with ms-swift from one YAML file."""


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
