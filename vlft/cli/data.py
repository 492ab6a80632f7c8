"""`vlft data`: what the trainer will do with every row of a file."""

from __future__ import annotations

import typer

from vlft.cli import data_check, data_convert, data_stats

app = typer.Typer(
    help="What the trainer will do with every row of a file.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("check")(data_check.check)
app.command("convert")(data_convert.convert)
app.command("stats")(data_stats.stats)
