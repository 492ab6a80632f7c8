"""`vlft runs`: what was started, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from vlft.cli.options import FormatOption, HardwareOption, NodeRankOption, print_result
from vlft.errors import UsageError, VlftError
from vlft.output import console

if TYPE_CHECKING:
    from vlft.runs.record import Run

RunArgument = Annotated[str, Argument(metavar="RUN", help="Id, its beginning, or the folder.")]

app = typer.Typer(
    help="What was started: list, show, logs, stop, resume, rm.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


def _find(name: str) -> Run:
    from vlft.runs.record import find_run

    return find_run(name)


@app.command("list")
def list_(
    output_dirs: Annotated[
        list[Path] | None,
        Option("--output-dir", help="Look in this folder too; ./output is looked in."),
    ] = None,
    output_format: FormatOption = "text",
) -> None:
    """List runs, the newest first."""
    from vlft.runs.record import list_runs

    runs = list_runs([Path("output").absolute(), *(output_dirs or ())])
    print_result(output_format, [run.to_json() for run in runs], map(_line, runs))


def _line(run: Run) -> str:
    whole, count = len(run.whole_checkpoints), len(run.checkpoints)
    broken = f" ({count - whole} not saved to the end)" if whole < count else ""
    return f"{run.id}  {run.status:<8}  {whole} checkpoints{broken}  {run.folder}"


@app.command("show")
def show(run: RunArgument, output_format: FormatOption = "text") -> None:
    """Show one run: what was started and how it ended."""
    import yaml

    found = _find(run)
    shown = found.to_json() | {"record": dict(found.record), "outcome": dict(found.outcome) or None}
    text = yaml.safe_dump(shown, sort_keys=False, allow_unicode=True).rstrip()
    print_result(output_format, shown, [text])


@app.command("logs")
def logs(
    run: RunArgument,
    follow: Annotated[bool, Option("--follow", "-f", help="Go on until the run is over.")] = False,
    lines: Annotated[
        int, Option("--lines", "-n", min=0, help="Of stdout and of stderr; 0 for all.")
    ] = 20,
) -> None:
    """Print what the trainer said."""
    from vlft.runs import logs as files
    from vlft.security.masking import mask_text

    found = _find(run)
    files.remember_secrets(found)
    show = files.follow if follow else files.last_lines
    for line in show(found.folder, lines or None):
        console.write(mask_text(line))


@app.command("stop")
def stop(
    run: RunArgument,
    wait: Annotated[float, Option(min=0, help="Seconds to wait for its end.")] = 60,
    lost: Annotated[
        bool, Option("--lost", help="Its machine is gone: only note that it has ended.")
    ] = False,
    after_save: Annotated[
        bool, Option("--after-save", help="Let it go on until its next checkpoint is whole.")
    ] = False,
) -> None:
    """End a run; its checkpoints stay."""
    from vlft.engines.stop import stop as end

    ended = end(_find(run), wait, lost=lost, after_save=after_save)
    console.write(f"{ended.id}  {ended.status}")


@app.command("resume")
def resume(
    run: RunArgument,
    hardware: HardwareOption = "here",
    no_validate: Annotated[
        bool, Option("--no-validate", help="Go on although rules are broken.")
    ] = False,
    node_rank: NodeRankOption = 0,
    output_format: FormatOption = "text",
) -> None:
    """Go on with a run from its last whole checkpoint, in its own folder."""
    from vlft.engines.base import engine_named
    from vlft.engines.resume import go_to_its_folder, prepare_resumption
    from vlft.output.findings import print_findings
    from vlft.pipeline import look_at_hardware

    found = _find(run)
    go_to_its_folder(found)
    resumption = prepare_resumption(found, look_at_hardware(hardware), judge=not no_validate)
    print_findings(resumption.prepared.findings, resumption.prepared.documents)
    console.note(f"vlft: going on from {resumption.checkpoint.name}")
    engine = engine_named(resumption.prepared.loaded.config.launch.engine)  # by now
    result = engine.resume(resumption, node_rank=node_rank)
    print_result(output_format, result.run.to_json(), [str(result.run.folder)])
    raise typer.Exit(result.exit_code)


@app.command("checkpoint")
def checkpoint(
    run: RunArgument,
    set_aside: Annotated[
        bool, Option("--set-aside", help="Move checkpoints that are not whole away.")
    ] = False,
) -> None:
    """Print the last checkpoint that was saved to its end; exit code 1 if there is none."""
    found = _find(run)
    whole = found.whole_checkpoints
    if set_aside:
        from vlft.engines.resume import set_aside as move

        move(found)
    if not whole:
        raise VlftError(f"the run {found.id} has no checkpoint that was saved to its end")
    console.write(str(whole[-1]))


@app.command("conclude", hidden=True)
def conclude(
    attempt: Annotated[Path, Argument(metavar="FOLDER")],
    exit_code: Annotated[int, Option("--exit-code")],
    stopped_by: Annotated[str | None, Option("--stopped-by")] = None,
) -> None:
    """Write how a job ended: its script calls this last."""
    from vlft.engines.stop import conclude_attempt

    outcome = conclude_attempt(attempt, exit_code, stopped_by)
    reason = "the job will begin again" if outcome is None else outcome.reason
    console.note(f"vlft: {reason}")


@app.command("rm")
def rm(
    run: RunArgument, yes: Annotated[bool, Option("--yes", "-y", help="Don't ask.")] = False
) -> None:
    """Delete a run with its checkpoints and exports."""
    import sys

    from vlft.engines.stop import remove, size_of

    found = _find(run)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"{found.folder} would be deleted", "say so: --yes")
        size = size_of(found) / 1024**3
        console.confirm(f"Delete {found.folder} ({size:.1f} GiB)?", abort=True)
    remove(found)
    console.write(f"{found.id}  deleted")
