"""The command line: one small file a command.

A command's file imports little at its top, so that `vlft --help` starts as fast as typer;
what a command needs is imported when it is called. Errors become text and an exit code
here and nowhere else.
"""

from __future__ import annotations

import atexit
import gc
import sys

import typer

from vlft.cli import (
    data_check,
    data_convert,
    data_stats,
    demo,
    doctor,
    eval,  # noqa: A004 - the command's name
    explain,
    handover,
    import_,
    infer,
    init,
    merge,
    plan,
    recipes,
    runs,
    schema,
    tokens,
    train,
    validate,
)
from vlft.cli.options import version_option
from vlft.errors import InvalidError, VlftError
from vlft.output import console

app = typer.Typer(
    name="vlft",
    help="Fine-tune vision-language models with ms-swift from one YAML file.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root(version: version_option = False) -> None:
    """Fine-tune vision-language models with ms-swift from one YAML file."""


_data = typer.Typer(
    help="What the trainer will do with every row of a file.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_data.command("check")(data_check.check)
_data.command("convert")(data_convert.convert)
_data.command("stats")(data_stats.stats)

app.command("init")(init.init)
app.command("validate")(validate.validate)
app.command("explain")(explain.explain)
app.command("schema")(schema.schema)
app.command("plan")(plan.plan)
app.command("ls")(recipes.ls)
app.command("cat")(recipes.cat)
app.command("cp")(recipes.cp)
app.command("train")(train.train)
app.command("merge")(merge.merge)
app.command("infer")(infer.infer)
app.command("eval")(eval.evaluate)
app.command("handover")(handover.handover)
app.command("tokens")(tokens.tokens)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("import", context_settings=import_.CONTEXT)(import_.import_)
app.add_typer(runs.app, name="runs")
app.add_typer(_data, name="data")


def main() -> None:
    """Runs the command line and ends the process with its exit code."""
    # What a start allocates is kept to the end: looking through it for garbage, on the way and
    # once more at the exit, takes a fifth of the time of `vlft validate`.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    try:
        app()
    except InvalidError as error:
        sys.exit(error.exit_code)  # the findings are printed where they were found
    except VlftError as error:
        console.error(error.message, error.hint)
        sys.exit(error.exit_code)
    except OSError as error:
        console.error(f"{error.filename or 'input/output'}: {error.strerror or error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        console.error(
            f"internal error: {type(error).__name__}: {error}",
            "this is a mistake in vlft; with VLFT_DEBUG=1 it shows where",
        )
        from vlft.environment import ENVIRON

        if ENVIRON.get("VLFT_DEBUG"):
            raise
        sys.exit(1)
