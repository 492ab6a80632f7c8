"""Findings on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.findings import by_place, has_errors, to_json
from vlft.output import console
from vlft.output.text import summary, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vlft.findings import Finding


def print_findings(findings: Iterable[Finding], documents: Mapping[str, str]) -> None:
    """Findings as text on stderr, in colour on a terminal."""
    text = to_text(findings, documents, color=console.stderr().isatty())
    if text:
        console.note(text)


def write_report(
    files: Mapping[str, Sequence[Finding]], documents: Mapping[str, str], output_format: str
) -> None:
    """The findings of a run over several configs, on stdout.

    Args:
        files: Config → its findings.
        documents: The texts that findings point into.
        output_format: text, json, github or sarif.
    """
    if output_format == "json":
        rows = [
            {"file": file, "ok": not has_errors(found), "findings": list(map(to_json, found))}
            for file, found in files.items()
        ]
        console.write_json({"version": 1, "files": rows})
        return
    # What is wrong in a base is found once for each config that extends it.
    findings = by_place(dict.fromkeys(finding for found in files.values() for finding in found))
    if output_format == "sarif":
        from vlft import __version__
        from vlft.output.ci_formats import to_sarif
        from vlft.rule_catalog import catalogue

        sentences = {entry.id: entry.sentence for entry in catalogue().values()}
        console.write_json(to_sarif(findings, sentences, __version__))
    elif output_format == "github":
        from vlft.output.ci_formats import to_github

        if findings:
            console.write(to_github(findings))
    else:
        if findings:
            console.write(to_text(findings, documents, color=console.stdout().isatty()))
        console.write(summary(findings, list(files), sum(map(bool, files.values()))))
