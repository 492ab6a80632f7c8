"""`vlft infer`, `vlft eval`, `vlft handover`: a model is asked as it was trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from vlft.cli.options import (
    BaseOption,
    BatchOption,
    FormatOption,
    PythonOption,
    TargetArgument,
    TokensOption,
    TrustOption,
    print_result,
)
from vlft.errors import UsageError
from vlft.output import console

if TYPE_CHECKING:
    from vlft.infer.infer import Asking
    from vlft.runs.target import Target


def infer(
    target: TargetArgument,
    question: Annotated[
        str | None, Argument(metavar="[QUESTION]", help="What to ask about --image and --video.")
    ] = None,
    images: Annotated[
        list[Path] | None, Option("--image", help="An image; may be given several times.")
    ] = None,
    videos: Annotated[
        list[Path] | None, Option("--video", help="A video; may be given several times.")
    ] = None,
    data: Annotated[
        Path | None, Option(help="JSONL with rows as in training, instead of a question.")
    ] = None,
    max_new_tokens: TokensOption = 512,
    batch_size: BatchOption = 1,
    python: PythonOption = None,
    trust_remote_code: TrustOption = False,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Print the command, and start nothing.")
    ] = False,
    output_format: FormatOption = "text",
) -> None:
    """Ask a model, on the pixel limits and with the template of its training run.

    Without a question and without --data, on a terminal: a dialogue.
    """
    from msgspec import to_builtins

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
            console.write_json(to_builtins(answer), indent=None)
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


def evaluate(
    target: TargetArgument,
    data: Annotated[Path, Option(metavar="FILE", help="JSONL with rows as in training.")],
    against: Annotated[
        str | None,
        Option(
            metavar="FORM,…",
            help="base, merged, 8bit, 4bit, or runs and folders, side by side with it.",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        Option(
            help="exact, normalised, json, anls, iou or iou50; several times; what fits if absent."
        ),
    ] = None,
    max_rows: Annotated[
        int | None, Option(min=1, help="Ask as many rows, the same ones every time.")
    ] = None,
    max_new_tokens: TokensOption = 512,
    batch_size: BatchOption = 8,
    python: PythonOption = None,
    trust_remote_code: TrustOption = False,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Say what would be asked, and start nothing.")
    ] = False,
    output_format: FormatOption = "text",
) -> None:
    """Score a model's answers, alone or beside its base, its merge and its quantised forms."""
    from vlft.environment import ENVIRON
    from vlft.infer.eval_dataset import read_question
    from vlft.infer.evaluate import evaluate as run
    from vlft.infer.evaluate import forms, table, verdicts
    from vlft.infer.infer import Asking, infer_command
    from vlft.infer.metrics import chosen
    from vlft.runs.target import resolve_target

    found = resolve_target(target, trust=trust_remote_code)
    names = forms(found, [name.strip() for name in (against or "").split(",") if name.strip()])
    question = read_question(found, data, max_rows)
    metrics = chosen(metric or (), question.answers)
    asking = Asking(max_new_tokens, batch_size, python)
    if dry_run:
        command = infer_command(found, asking, data, Path("RESULT.jsonl"))
        plan = {
            "rows": len(question.rows),
            "metrics": [one.name for one in metrics],
            "forms": list(names),
            "command": command.shell_line(ENVIRON),
        }
        text = f"# {plan['rows']} rows; {', '.join(names)}\n{plan['command']}"
        print_result(output_format, plan, [text])
        return
    variants, folder = run(found, question, names, metrics, asking)
    shown = [one.to_json() for one in variants]
    result = {"rows": len(question.rows), "folder": str(folder), "variants": shown}
    lines = (*table(variants, metrics), "", *verdicts(variants, metrics[0]))
    print_result(output_format, result, lines)
    if output_format == "text":
        console.note(f"rows: {folder / 'results.jsonl'}")


def handover(
    target: TargetArgument, base: BaseOption = None, output_format: FormatOption = "text"
) -> None:
    """Print the commands that serve a model with the limits and prompts of its training."""
    import json

    from msgspec import to_builtins

    from vlft.infer.serve import hand_over
    from vlft.runs.target import resolve_target

    found = hand_over(resolve_target(target), base)
    body = json.dumps(found.request, ensure_ascii=False)
    lines = [
        f"# ms-swift\n{found.swift}\n",
        f"# vLLM\n{found.vllm}\n",
        f"# a request to either: POST /v1/chat/completions\n{body}\n",
        f"# transformers\n{found.transformers}",
    ]
    print_result(output_format, to_builtins(found), lines)
    if output_format == "text":
        for note in found.notes:
            console.note(f"note: {note}")
