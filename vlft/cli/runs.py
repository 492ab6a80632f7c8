"""`vlft runs`: what was started, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from vlft.cli.options import Format, FormatOption, HardwareOption
from vlft.output import console

RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="Id, its beginning, or the folder.")
]

app = typer.Typer(
    help="What was started: list, show, logs, stop, resume, rm.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.command("list")
def list_(
    output_dirs: Annotated[
        list[Path] | None,
        typer.Option("--output-dir", help="Look in this folder too; ./output is looked in."),
    ] = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """List runs, the newest first."""
    from vlft.runs.index import list_runs

    runs = list_runs([Path("output").absolute(), *(output_dirs or ())])
    if output_format is Format.JSON:
        console.write_json([run.to_json() for run in runs])
        return
    for run in runs:
        whole, count = len(run.whole_checkpoints), len(run.checkpoints)
        broken = f" ({count - whole} not saved to the end)" if whole < count else ""
        console.write(f"{run.id}  {run.status:<8}  {whole} checkpoints{broken}  {run.folder}")


@app.command("show")
def show(
    run: RunArgument,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Show one run: what was started and how it ended."""
    import yaml

    from vlft.runs.index import find_run

    found = find_run(run)
    shown = found.to_json() | {
        "record": dict(found.record),
        "outcome": dict(found.outcome) or None,
    }
    if output_format is Format.JSON:
        console.write_json(shown)
    else:
        console.write(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True).rstrip())


@app.command("logs")
def logs(
    run: RunArgument,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run is over.")
    ] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="Of stdout and of stderr; 0 for all.")
    ] = 20,
) -> None:
    """Print what the trainer said."""
    from vlft.runs import logs as files
    from vlft.runs.index import find_run
    from vlft.security.masking import mask_text

    found = find_run(run)
    files.remember_secrets(found)
    show = files.follow if follow else files.last_lines
    for line in show(found.folder, lines or None):
        console.write(mask_text(line))


@app.command("stop")
def stop(
    run: RunArgument,
    wait: Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for its end.")] = 60,
    lost: Annotated[
        bool, typer.Option("--lost", help="Its machine is gone: only note that it has ended.")
    ] = False,
    after_save: Annotated[
        bool, typer.Option("--after-save", help="Let it go on until its next checkpoint is whole.")
    ] = False,
) -> None:
    """End a run; its checkpoints stay."""
    from vlft.engines.stop import stop as end
    from vlft.runs.index import find_run

    ended = end(find_run(run), wait, lost=lost, after_save=after_save)
    console.write(f"{ended.id}  {ended.status}")


@app.command("resume")
def resume(
    run: RunArgument,
    hardware: HardwareOption = "here",
    no_validate: Annotated[
        bool, typer.Option("--no-validate", help="Go on although rules are broken.")
    ] = False,
    node_rank: Annotated[
        int, typer.Option("--node-rank", min=0, help="Which of launch.nnodes this is, from 0.")
    ] = 0,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Go on with a run from its last whole checkpoint, in its own folder."""
    from vlft.engines.resume import engine_to_resume, go_to_its_folder, prepare_resumption
    from vlft.errors import InvalidError
    from vlft.output.findings import print_findings
    from vlft.pipeline import look_at_hardware
    from vlft.runs.index import find_run

    found = find_run(run)
    go_to_its_folder(found)
    try:
        resumption = prepare_resumption(found, look_at_hardware(hardware), judge=not no_validate)
    except InvalidError as error:
        print_findings(error.findings, {})
        raise
    print_findings(resumption.prepared.findings, resumption.prepared.documents)
    console.note(f"vlft: going on from {resumption.checkpoint.name}")
    result = engine_to_resume(resumption).resume(resumption, node_rank=node_rank)
    if output_format is Format.JSON:
        console.write_json(result.run.to_json())
    else:
        console.write(str(result.run.folder))
    raise typer.Exit(result.exit_code)


@app.command("checkpoint")
def checkpoint(
    run: RunArgument,
    set_aside: Annotated[
        bool, typer.Option("--set-aside", help="Move checkpoints that are not whole away.")
    ] = False,
) -> None:
    """Print the last checkpoint that was saved to its end; exit code 1 if there is none."""
    from vlft.errors import VlftError
    from vlft.runs.index import find_run

    found = find_run(run)
    whole = found.whole_checkpoints
    if set_aside:
        from vlft.engines.resume import set_aside as move

        move(found)
    if not whole:
        raise VlftError(f"the run {found.id} has no checkpoint that was saved to its end")
    console.write(str(whole[-1]))


@app.command("conclude", hidden=True)
def conclude(
    attempt: Annotated[Path, typer.Argument(metavar="FOLDER")],
    exit_code: Annotated[int, typer.Option("--exit-code")],
    stopped_by: Annotated[
        Optional[str],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Option("--stopped-by"),
    ] = None,
) -> None:
    """Write how a job ended: its script calls this last."""
    from vlft.engines.base import engine_named
    from vlft.runs.attempts import engine_of

    outcome = engine_named(engine_of(attempt)).conclude(attempt, exit_code, stopped_by)
    reason = "the job will begin again" if outcome is None else outcome.reason
    console.note(f"vlft: {reason}")


@app.command("rm")
def rm(
    run: RunArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Delete a run with its checkpoints and exports."""
    import sys

    from vlft.engines.stop import remove, size_of
    from vlft.errors import UsageError
    from vlft.runs.index import find_run

    found = find_run(run)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"{found.folder} would be deleted", "say so: --yes")
        size = size_of(found) / 1024**3
        console.confirm(f"Delete {found.folder} ({size:.1f} GiB)?", abort=True)
    remove(found)
    console.write(f"{found.id}  deleted")
