"""`vlft eval`: how good a model is, and whether its smaller forms still are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlft.cli.options import (
    BatchOption,
    FormatOption,
    PythonOption,
    TargetArgument,
    TokensOption,
    TrustOption,
    print_result,
)
from vlft.output import console


def evaluate(
    target: TargetArgument,
    data: Annotated[
        Path, typer.Option("--data", metavar="FILE", help="JSONL with rows as in training.")
    ],
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="FORM,…",
            help="base, merged, 8bit, 4bit, or runs and folders, side by side with it.",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            help="exact, normalised, json, anls, iou or iou50; several times; what fits if absent.",
        ),
    ] = None,
    max_rows: Annotated[
        int | None,
        typer.Option("--max-rows", min=1, help="Ask as many rows, the same ones every time."),
    ] = None,
    max_new_tokens: TokensOption = 512,
    batch_size: BatchOption = 8,
    python: PythonOption = None,
    trust_remote_code: TrustOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked, and start nothing.")
    ] = False,
    output_format: FormatOption = "text",
) -> None:
    """Score a model's answers, alone or beside its base, its merge and its quantised forms."""
    from dataclasses import asdict

    from vlft.environment import ENVIRON
    from vlft.infer.eval_dataset import read_question
    from vlft.infer.evaluate import evaluate as run
    from vlft.infer.evaluate import forms
    from vlft.infer.infer import Asking, infer_command
    from vlft.infer.metrics import chosen
    from vlft.infer.summary import table, verdicts
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
    summaries, folder = run(found, question, names, metrics, asking)
    variants = list(map(asdict, summaries))
    shown = {"rows": len(question.rows), "folder": str(folder), "variants": variants}
    lines = (*table(summaries, metrics), "", *verdicts(summaries, metrics[0]))
    print_result(output_format, shown, lines)
    if output_format == "text":
        console.note(f"rows: {folder / 'results.jsonl'}")
