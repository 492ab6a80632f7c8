"""`vlft infer`: ask a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlft.cli.options import (
    BatchOption,
    FormatOption,
    PythonOption,
    TargetArgument,
    TokensOption,
    TrustOption,
)
from vlft.errors import UsageError
from vlft.output import console

if TYPE_CHECKING:
    from vlft.infer.infer import Asking
    from vlft.runs.target import Target


def infer(
    target: TargetArgument,
    question: Annotated[
        str | None,
        typer.Argument(metavar="[QUESTION]", help="What to ask about --image and --video."),
    ] = None,
    images: Annotated[
        list[Path] | None, typer.Option("--image", help="An image; may be given several times.")
    ] = None,
    videos: Annotated[
        list[Path] | None, typer.Option("--video", help="A video; may be given several times.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="JSONL with rows as in training, instead of a question."),
    ] = None,
    max_new_tokens: TokensOption = 512,
    batch_size: BatchOption = 1,
    python: PythonOption = None,
    trust_remote_code: TrustOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the command, and start nothing.")
    ] = False,
    output_format: FormatOption = "text",
) -> None:
    """Ask a model, on the pixel limits and with the template of its training run.

    Without a question and without --data, on a terminal: a dialogue.
    """
    from vlft.environment import ENVIRON
    from vlft.infer.infer import Asking, ask, infer_command, infer_rows
    from vlft.runs.target import resolve_target

    asking = Asking(max_new_tokens, batch_size, python)
    if question is None and data is None and not (images or videos):
        _talk(resolve_target(target, trust=trust_remote_code), asking, dry_run=dry_run)
        return
    if (question is None) == (data is None):
        raise UsageError("give a question or --data, one of the two")
    if data is not None and (images or videos):
        raise UsageError("--image and --video go with a question; rows name their own")
    found = resolve_target(target, trust=trust_remote_code)
    if dry_run:
        rows = data or Path("QUESTION.jsonl")
        command = infer_command(found, asking, rows, Path("RESULT.jsonl"))
        console.write(command.shell_line(ENVIRON))
        return
    if data is not None:
        answers, folder = infer_rows(found, data, asking)
    else:
        answers, folder = ask(found, question or "", images or (), videos or (), asking)
    for answer in answers:
        if output_format == "json":
            console.write_json(vars(answer), indent=None)
        elif question is not None:
            console.write(answer.prediction)
        else:
            given = "" if answer.answer is None else f"\t({answer.answer})"
            console.write(f"{answer.row}\t{answer.prediction}{given}")
    if data is not None:
        console.note(f"predictions: {folder / 'predictions.jsonl'}")


def _talk(target: Target, asking: Asking, *, dry_run: bool) -> None:
    """A dialogue on the terminal, in this process's place: whatever ends it ends all of it."""
    import os

    from vlft.engines.process import to_process
    from vlft.environment import ENVIRON
    from vlft.infer.infer import infer_command

    if not dry_run and not console.is_dialogue():
        raise UsageError("give a question or --data, one of the two", "a dialogue needs a terminal")
    command = infer_command(target, asking)
    if dry_run:
        console.write(command.shell_line(ENVIRON))
        return
    process = to_process(command)
    os.execve(process.argv[0], process.argv, process.env)  # noqa: S606
