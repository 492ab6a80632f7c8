"""Whole processes against a floor or a peer, interleaved in one run.

Start-up is the least CPU time, which a busy machine hardly changes; the rest is the median of the
time that a user waits.

Prints a Markdown table and writes it between the markers in docs/benchmarks.md. Run it by
`scripts/bench`; `--quick` leaves out what starts ms-swift.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from hostile_files import hostile_files
from validate_many import measure as measure_many
from validate_many import write_stub

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "docs" / "benchmarks.md"
PYTHON = sys.executable


@dataclass(frozen=True)
class Contest:
    """Ours against theirs.

    Attributes:
        name: What is measured.
        ours, theirs: Names of the two commands.
        run_ours, run_theirs: Start one and wait for it; raise if it fails.
        repeats: Runs of each.
        bound: The target ratio, ours over theirs.
        of_cpu: Whether the least CPU time counts instead of the median of the time.
    """

    name: str
    ours: str
    theirs: str
    run_ours: Callable[[], None]
    run_theirs: Callable[[], None]
    repeats: int
    bound: float
    of_cpu: bool = False


def command(*words: str | Path, cwd: Path = ROOT, code: int = 0, **env: str) -> Callable[[], None]:
    """A command as something to time, and its exit code; caches of compiled files are allowed."""
    whole = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | env

    def call() -> None:
        done = subprocess.run(
            list(map(str, words)), cwd=cwd, env=whole, capture_output=True, text=True, check=False
        )
        if done.returncode != code:
            raise RuntimeError(f"{words} failed:\n{done.stderr[-2000:]}")

    return call


def startup(work: Path) -> list[Contest]:
    """What a user waits for before anything begins."""
    (work / "nothing.py").write_text(
        "import typer\nimport yaml\n\n\ndef main() -> None:\n    pass\n\n\ntyper.run(main)\n"
    )
    import_typer = command(PYTHON, "-c", "import typer")
    nothing = command(PYTHON, work / "nothing.py")
    help_ = command(PYTHON, "-m", "vlft", "--help")
    validate = command(PYTHON, "-m", "vlft", "validate", work / "tiny.yaml")
    floor = "a Typer command that imports yaml and does nothing"
    return [
        Contest(
            "help", "`vlft --help`", "`import typer`", help_, import_typer, 21, 1.5, of_cpu=True
        ),
        Contest("validate", "`vlft validate`", floor, validate, nothing, 21, 1.45, of_cpu=True),
    ]


def refusals(work: Path) -> list[Contest]:
    """How soon a hostile file is refused, against a config that is right."""
    validate = (PYTHON, "-m", "vlft", "validate")
    right = command(*validate, work / "tiny.yaml")
    return [
        Contest(
            name,
            f"`vlft validate`: {name}",
            "`vlft validate`",
            command(*validate, file, code=1),
            right,
            5,
            2.0,
        )
        for name, file in hostile_files(work)
    ]


def training(work: Path) -> list[Contest]:
    """The same LoRA steps, by vlft and by the command typed by hand."""
    vlft = command(PYTHON, "-m", "vlft", "train", "tiny.yaml", cwd=work)
    line = subprocess.run(
        [PYTHON, "-m", "vlft", "train", "tiny.yaml", "--dry-run", "--format", "json"],
        cwd=work,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    described = json.loads(line)
    argv: list[str] = described["argv"]
    flags = argv[next(i for i, word in enumerate(argv) if word.endswith("sft.py")) + 1 :]
    swift = command(Path(PYTHON).with_name("swift"), "sft", *flags, cwd=work, **described["env"])
    return [Contest("train", "`vlft train`", "`swift sft`", vlft, swift, 5, 1.0)]


def measure(contest: Contest) -> tuple[float, float]:
    """Both in seconds, taken in turns so that a busy moment hits both."""
    now = _cpu_of_children if contest.of_cpu else time.perf_counter
    contest.run_ours()
    contest.run_theirs()
    ours, theirs = [], []
    for _ in range(contest.repeats):
        for run, times in ((contest.run_ours, ours), (contest.run_theirs, theirs)):
            began = now()
            run()
            times.append(now() - began)
    figure = min if contest.of_cpu else statistics.median
    return figure(ours), figure(theirs)


def _cpu_of_children() -> float:
    """User and system seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(contests: Sequence[Contest]) -> list[str]:
    """A line a contest."""
    lines = [
        "| what | vlft (s) | against | (s) | of | ratio | target | runs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for contest in contests:
        ours, theirs = measure(contest)
        lines.append(
            f"| {contest.ours} | {ours:.3f} | {contest.theirs} | {theirs:.3f} | "
            f"{'CPU, least' if contest.of_cpu else 'time, median'} | "
            f"{ours / theirs:.2f} | ≤ {contest.bound:g} | {contest.repeats} |"
        )
        print(lines[-1], flush=True)
    return lines


def prepare(work: Path, *, weights: bool) -> None:
    """A tiny model and data for it; without weights it can be validated, not trained."""
    model = work / "Qwen2-VL-2B-Instruct"
    if weights:
        builder = ROOT / "tools" / "tiny_model.py"
        command(PYTHON, builder, "--family", "qwen2_vl", "--output", model)()
    else:
        write_stub(model)
    row = {"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}
    (work / "train.jsonl").write_text((json.dumps(row) + "\n") * 32)
    (work / "tiny.yaml").write_text(
        "model: {path: Qwen2-VL-2B-Instruct}\ndata: {train: [train.jsonl], max_length: 512}\n"
        "train: {max_steps: 8, learning_rate: 1e-2, global_batch_size: 4, save_steps: 8}\n"
        "pixels: {max: 256*28*28}\n"
        "launch: {gpus: none}\nswift: {logging_steps: 1, report_to: [none]}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="nothing that starts ms-swift")
    quick: bool = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        prepare(work, weights=not quick)
        lines = table(startup(work) + refusals(work) + ([] if quick else training(work)))
    many = measure_many(1000, repeats=5)
    lines += ["", f"`vlft validate` of 1,000 configs in one call: {many:.2f} s (target: ≤ 2)."]
    print(lines[-1], flush=True)
    names = ["typer", "pydantic", "PyYAML"] + ([] if quick else ["ms-swift", "torch"])
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    lines += ["", f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores."]
    if not quick:
        head, _, rest = REPORT.read_text().partition("<!-- processes -->\n")
        _, _, tail = rest.partition("<!-- end -->")
        body = "\n".join(lines)
        REPORT.write_text(f"{head}<!-- processes -->\n{body}\n<!-- end -->{tail}")


if __name__ == "__main__":
    main()
