"""`vlft eval`: how good a model is, and whether its smaller forms still are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from vlft.cli.options import Format, FormatOption, TrustOption
from vlft.output import console


def evaluate(
    target: Annotated[
        str,
        typer.Argument(metavar="RUN|CHECKPOINT|MODEL", help="A run's id or folder, or weights."),
    ],
    data: Annotated[
        Path, typer.Option("--data", metavar="FILE", help="JSONL with rows as in training.")
    ],
    against: Annotated[
        Optional[str],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Option(
            "--against",
            metavar="FORM,…",
            help="base, merged, 8bit, 4bit, or runs and folders, side by side with it.",
        ),
    ] = None,
    metric: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--metric",
            help="exact, normalised, json, anls, iou or iou50; several times; what fits if absent.",
        ),
    ] = None,
    max_rows: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--max-rows", min=1, help="Ask as many rows, the same ones every time."),
    ] = None,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", min=1, help="Length of an answer, at most.")
    ] = 512,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Rows at once.")] = 8,
    python: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--python", help="Interpreter that infers; else export.python's."),
    ] = None,
    trust_remote_code: TrustOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked, and start nothing.")
    ] = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Score a model's answers, alone or beside its base, its merge and its quantised forms."""
    from vlft.environment import ENVIRON
    from vlft.infer.eval_dataset import read_question
    from vlft.infer.evaluate import evaluate as run
    from vlft.infer.evaluate import forms
    from vlft.infer.infer import Asking, infer_command
    from vlft.infer.metrics import chosen
    from vlft.infer.summary import table, verdicts
    from vlft.runs.target import resolve_target

    def say(text: str) -> None:
        console.note(text)

    found = resolve_target(target, trust=trust_remote_code)
    names = forms(found, [name.strip() for name in (against or "").split(",") if name.strip()])
    question = read_question(found, data, max_rows)
    metrics = chosen(metric or (), question.answers)
    asking = Asking(max_new_tokens, batch_size, python)
    if dry_run:
        command = infer_command(found, data, Path("RESULT.jsonl"), asking)
        plan = {
            "rows": len(question.rows),
            "metrics": [one.name for one in metrics],
            "forms": list(names),
            "command": command.shell_line(ENVIRON),
        }
        text = f"# {plan['rows']} rows; {', '.join(names)}\n{plan['command']}"
        if output_format is Format.JSON:
            console.write_json(plan)
        else:
            console.write(text)
        return
    done = run(found, question, names, metric or (), asking, say)
    if done.exit_code:
        raise typer.Exit(done.exit_code)
    if output_format is Format.JSON:
        shown = {"rows": len(question.rows), "folder": str(done.folder), "variants": done.summaries}
        console.write_json(shown)
        return
    for line in (*table(done.summaries, metrics), "", *verdicts(done.summaries, metrics[0])):
        console.write(line)
    say(f"rows: {done.folder / 'results.jsonl'}")
