"""The golden runs: what each golden case of the rules is resolved to.

`runs/SUBJECT.txt` has those cases of `expected/SUBJECT.txt` that are resolved to a run. Below a
case stands what its run has and the run of the config that all cases of its task start from has
not: values of the RunSpec, effective arguments, and the command.

    $ train.gradient_accumulation_steps=6
    batch accumulation=6 global_size=6 per_device=1
    args gradient_accumulation_steps unknown (given)
    argv --gradient_accumulation_steps 6

`python tests/rules/golden_runs.py [SUBJECT …]` rewrites them.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from golden_cases import Caches, Case, prepare_folder, prepared, read_cases, subjects
from msgspec import Struct

from vlft.pipeline import Ready
from vlft.plan import render
from vlft.resolve.run import RunSpec

RUNS = Path(__file__).with_name("runs")
BASES = {
    "sft": Case("base", []),
    "pt": Case("base", ["task=pt"]),
    "rlhf": Case("base", ["task=rlhf", "swift.rlhf_type=dpo"]),
}
"""Task → the config that a run of it is compared with."""


class Resolver:
    """Resolves cases in a folder made by `prepare_folder`, which is the working directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._caches: Caches = {}
        self._bases: dict[str, frozenset[str]] = {}
        self._names = {
            "\n": "\\n",
            str(folder): "FOLDER",
            sys.executable: "PYTHON",
            sys.prefix: "PREFIX",
            str(Path(__file__).parents[2]): "REPOSITORY",
            f"python{sys.version_info[0]}.{sys.version_info[1]}": "python3.X",
        }

    def run_of(self, case: Case) -> tuple[str, ...]:
        """What the run of a case has and its base has not, in lines; none if it has no run."""
        ready = prepared(case, self.folder, self._caches)
        if not isinstance(ready, Ready):
            return ()
        task = ready.run.task
        if task not in self._bases:
            base = prepared(BASES[task], self.folder, self._caches)
            assert isinstance(base, Ready)
            self._bases[task] = frozenset(self._lines(base))
        lines = [f"task {task}"] if task != "sft" else []
        lines += [line for line in self._lines(ready) if line not in self._bases[task]]
        return tuple(lines) or ("as the base",)

    def _lines(self, ready: Ready) -> Iterator[str]:
        for line in (*_values(ready.run), *_arguments(ready.run), *_command(ready)):
            yield reduce(lambda text, names: text.replace(*names), self._names.items(), line)


def read_runs(subject: str) -> dict[str, tuple[str, ...]]:
    """Command of a case → its lines."""
    runs: dict[str, tuple[str, ...]] = {}
    file = RUNS / f"{subject}.txt"
    for block in file.read_text(encoding="utf-8").split("\n\n") if file.exists() else ():
        command, *lines = block.strip("\n").split("\n")
        runs[command.removeprefix("$ ")] = tuple(lines)
    return runs


def write_runs(subject: str, resolver: Resolver) -> None:
    """Writes the runs of one file of cases."""
    blocks = [
        "\n".join([f"$ {case.command}", *lines])
        for case in read_cases(subject)
        if (lines := resolver.run_of(case))
    ]
    (RUNS / f"{subject}.txt").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


def _values(run: RunSpec) -> Iterator[str]:
    model = run.model
    yield f"model {_card(model, 'argument', 'named')} checkpoint={model.checkpoint is not None}"
    for name in ("family", "weights_family"):
        family = getattr(model, name)
        yield f"{name} {family.swift_model_type if family else None}"
    yield f"world {_card(run.world)} world_size={run.world.world_size}"
    yield f"batch {_card(run.batch)}"
    yield f"precision {_card(run.precision)}"
    yield f"sharding {_card(run.sharding)}"
    yield f"steps {_card(run.steps)}"
    for name in (
        "task", "has_plugins", "row_length", "gpu_bytes", "save_strategy", "eval_strategy",
        "evaluates", "has_validation", "uses_ray", "uses_torchrun", "master", "output_dir",
    ):  # fmt: skip
        yield f"{name} {getattr(run, name)}"
    for name in (
        "pixels", "variables", "added_variables", "decided_variables", "inherited_variables",
    ):  # fmt: skip
        for key, value in sorted(getattr(run, name).items()):
            yield f"{name} {key} {_shown(value)}"
    for patch in run.patches:
        yield f"patch {patch}"
    limits = run.limits
    for name in () if limits.problems else ("pixels", "tokens", "side"):
        yield f"limits.{name} {_shown(getattr(limits, name))}"
    for key, problem in sorted(limits.problems.items()):
        yield f"limits.problem {key} {problem}"


def _arguments(run: RunSpec) -> Iterator[str]:
    names = {*run.model.swift.arguments[run.task], *run.args.written()}
    for name in sorted(names):
        value = _shown(run.args.value(name)) if run.args.is_known(name) else "unknown"
        yield f"args {name} {value}{' (given)' if run.args.is_given(name) else ''}"


def _command(ready: Ready) -> Iterator[str]:
    command = render(ready.plan, ready.facts.interpreter, Path("/out")).masked()
    flag = ""
    for word in command.argv:
        if word.startswith("--"):
            if flag:
                yield f"argv {flag}"
            flag = word
        elif flag:
            flag = f"{flag} {word}"
        else:
            yield f"program {word}"
    if flag:
        yield f"argv {flag}"
    for name, value in sorted(command.env.items()):
        yield f"env {name}={value}"


def _card(value: Any, *names: str) -> str:
    """The fields of a dataclass, of these names or of all; of a mismatch its class."""
    if not isinstance(value, Struct):
        return type(value).__name__
    wanted = names or tuple(sorted(value.__struct_fields__))
    return " ".join(f"{name}={_shown(getattr(value, name))}" for name in wanted)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_shown(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, Struct):
        return f"{type(value).__name__}({_card(value)})"
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return str(value)


def main(make_model: Callable[..., Path]) -> None:
    """Rewrites the files that are named, or all."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        prepare_folder(folder, make_model)
        os.chdir(folder)
        resolver = Resolver(folder)
        for subject in sys.argv[1:] or subjects():
            write_runs(subject, resolver)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from support.folders import make_model_folder

    main(make_model_folder)
