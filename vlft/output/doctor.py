"""What `vlft doctor` found, for an issue or a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.doctor import Report


def to_text(report: Report) -> str:
    """The report for an issue or a terminal."""
    lines = [f"{name:<15}{version}" for name, version in report.versions.items()]
    lines.append(f"{'trainer':<15}{report.python or 'no interpreter with ms-swift was found'}")
    lines += [f"  {name:<15}{version}" for name, version in report.packages.items()]
    gpus = [f"{name} ({size / 1024**3:.0f} GiB)" for name, size in report.gpus]
    lines.append(f"{'GPUs':<15}{', '.join(gpus) or 'none'}")
    lines += _table("attention", report.attention) + _table("quantise", report.quantization)
    if report.exporter is not None:
        lines.append(f"{'exporter':<15}{report.exporter.python}")
        lines += [f"  {name:<15}{version}" for name, version in report.exporter.packages.items()]
        lines += _table("quantise there", report.exporter.quantization)
    lines += [
        f"{title}: not met: {', '.join(lacking)}"
        for title, lacking in report.families.items()
        if lacking
    ]
    lines += [f"! {problem}" for problem in report.problems]
    lines += [f"{name}={value}" for name, value in report.environment.items()]
    return "\n".join(lines)


def _table(title: str, table: Mapping[str, str | None]) -> list[str]:
    """What works on one line; what does not, by its reason."""
    works = [name for name, why in table.items() if why is None]
    reasons: dict[str, list[str]] = {}
    for name, why in table.items():
        if why is not None:
            reasons.setdefault(why, []).append(name)
    lines = [f"  not {', '.join(names)}: {why}" for why, names in reasons.items()]
    return [f"{title:<15}{', '.join(works) or 'nothing'}", *lines]
