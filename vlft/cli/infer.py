"""`vlft infer`: ask a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from vlft.cli.options import Format, FormatOption, TrustOption
from vlft.output import console

if TYPE_CHECKING:
    from vlft.infer.infer import Asking
    from vlft.runs.target import Target


def infer(
    target: Annotated[
        str,
        typer.Argument(metavar="RUN|CHECKPOINT|MODEL", help="A run's id or folder, or weights."),
    ],
    question: Annotated[
        Optional[str],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Argument(metavar="[QUESTION]", help="What to ask about --image and --video."),
    ] = None,
    images: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option("--image", help="An image; may be given several times."),
    ] = None,
    videos: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option("--video", help="A video; may be given several times."),
    ] = None,
    data: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--data", help="JSONL with rows as in training, instead of a question."),
    ] = None,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", min=1, help="Length of an answer, at most.")
    ] = 512,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Rows at once.")] = 1,
    python: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--python", help="Interpreter that infers; else export.python's."),
    ] = None,
    trust_remote_code: TrustOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the command, and start nothing.")
    ] = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Ask a model, on the pixel limits and with the template of its training run.

    Without a question and without --data, on a terminal: a dialogue.
    """
    from vlft.environment import ENVIRON
    from vlft.errors import UsageError
    from vlft.infer.infer import Asking, ask, infer_command, infer_rows
    from vlft.infer.predictions import vars_of
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
        command = infer_command(found, rows, Path("RESULT.jsonl"), asking)
        console.write(command.shell_line(ENVIRON))
        return
    if data is not None:
        done = infer_rows(
            found, data, max_new_tokens=max_new_tokens, batch_size=batch_size, python=python
        )
    else:
        done = ask(found, question or "", images or (), videos or (), asking=asking)
    for answer in done.answers:
        if output_format is Format.JSON:
            console.write_json(vars_of(answer), indent=None)
        elif question is not None:
            console.write(answer.prediction)
        else:
            given = "" if answer.answer is None else f"\t({answer.answer})"
            console.write(f"{answer.row}\t{answer.prediction}{given}")
    if data is not None and not done.exit_code:
        console.note(f"predictions: {done.folder / 'predictions.jsonl'}")
    raise typer.Exit(done.exit_code)


def _talk(target: Target, asking: Asking, *, dry_run: bool) -> None:
    """A dialogue on the terminal, in this process's place: whatever ends it ends all of it."""
    import os

    from vlft.engines.process import to_process
    from vlft.environment import ENVIRON
    from vlft.errors import UsageError
    from vlft.infer.infer import chat_command

    if not dry_run and not console.is_dialogue():
        raise UsageError("give a question or --data, one of the two", "a dialogue needs a terminal")
    command = chat_command(target, asking)
    if dry_run:
        console.write(command.shell_line(ENVIRON))
        return
    process = to_process(command)
    os.execve(process.argv[0], process.argv, process.env)  # noqa: S606
