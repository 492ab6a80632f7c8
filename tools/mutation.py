"""How many small mistakes in the rules and the batch arithmetic the tests would notice.

    scripts/mutate [--share 0.3] [--seed 1] [--jobs 2] [MODULE…]

Each mutant is one change of cosmic-ray's operators to one module (a comparison turned, a
number shifted, `and` for `or`, a loop that never runs …), run in a process of its own: first
against the cases of the module's own subjects (tests/rules/expected) and the wording of their
rules, then against the rest of tests/rules; those of resolve/ against tests/resolve, then
tests/rules. A mutant that fails a test, or hangs, is killed; of each survivor the place and the
change are printed. Left out, because no test could tell them from the original: changes to
annotations, to how a dataclass is made (frozen, slots), and `is` in place of `==` or the other way
round.
"""

from __future__ import annotations

import ast
import atexit
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[1]
SUITES = {
    "rules": ("tests/rules",),
    "resolve": ("tests/resolve", "tests/rules"),
}
SECONDS = 300
_EXPECTED = "tests/rules/test_expected.py"
_LEFT_OUT = re.compile(r"^core/Variable|_(Is|IsNot)$|_Is_Eq$|_IsNot_NotEq$")


@dataclass(frozen=True)
class Mutant:
    """One change to one module."""

    file: Path
    operator: str
    occurrence: int
    line: int

    @property
    def module(self) -> str:
        return ".".join(self.file.relative_to(ROOT).with_suffix("").parts)

    def source(self) -> str | None:
        """The module's text with the change; None if it would be the same."""
        text = self.file.read_text()
        changed = mutate_code(text, get_operator(self.operator)(), self.occurrence)
        return None if changed == text else changed


def mutants_of(file: Path) -> Iterator[Mutant]:
    text = file.read_text()
    ignored = set(_without_effect(ast.parse(text)))
    nodes = list(ast_nodes(get_ast(text)))
    for name in operator_names():
        if _LEFT_OUT.search(name):
            continue
        operator, occurrence = get_operator(name)(), 0
        for node in nodes:
            for (line, column), _ in operator.mutation_positions(node):
                if (line, column) not in ignored:
                    yield Mutant(file, name, occurrence, line)
                occurrence += 1


def _without_effect(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """Places in annotations, in imports for the type checker and in `@dataclass(…)`."""
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.ClassDef):
            parts += node.decorator_list
        if isinstance(node, ast.arg | ast.AnnAssign):
            parts.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            parts.append(node.returns)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            parts.append(node)
        for part in parts:
            if part is not None:
                yield from _places(part)


def _places(part: ast.AST) -> Iterator[tuple[int, int]]:
    first, last = part.lineno, part.end_lineno  # type: ignore[attr-defined]
    for line in range(first, last + 1):
        start = part.col_offset if line == first else 0  # type: ignore[attr-defined]
        end = part.end_col_offset if line == last else 200  # type: ignore[attr-defined]
        yield from ((line, column) for column in range(start, end + 1))


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another text when it is imported."""

    def __init__(self, module: str, file: Path, source: str) -> None:
        self.module, self.file, self.source = module, file, source

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.module:
            return None
        return importlib.util.spec_from_file_location(name, self.file, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.source, str(self.file), "exec"), vars(module))  # noqa: S102


def start(mutant: Mutant, source: str) -> int:
    """A process that exits with 0 if no test notices; its id."""
    child = os.fork()
    if child == 0:
        os._exit(_run_tests(mutant, source))
    return child


def ended() -> tuple[int, bool]:
    """The next process to end, and whether its mutant was killed: a test failed, or hung."""
    child, status = os.wait()
    shutil.rmtree(_folder(child), ignore_errors=True)
    return child, os.waitstatus_to_exitcode(status) != 0


def _folder(child: int) -> Path:
    """Of its own: two runs at once would clear each other's away."""
    return Path(tempfile.gettempdir(), f"mutant-{child}")


def _run_tests(mutant: Mutant, source: str) -> int:
    import pytest

    signal.alarm(SECONDS)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    sys.meta_path.insert(0, Changed(mutant.module, mutant.file, source))
    options = ["-x", "-q", "-p", "no:cacheprovider", "--assert=plain"]
    options += ["--basetemp", str(_folder(os.getpid())), "--hypothesis-profile=mutation"]
    passed = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    for tests in (_nearest_tests(mutant.file), SUITES[mutant.file.parent.name]):
        if tests and pytest.main([*options, *tests]) not in passed:
            return 1
    return 0


def _nearest_tests(file: Path) -> Sequence[str]:
    """The tests most likely to notice: most mutants need no others."""
    subject = file.stem
    if file.parent.name == "resolve":
        own = Path("tests", "resolve", f"test_{file.name}")
        return (str(own),) if own.is_file() else ()
    if not Path("tests", "rules", "expected", f"{subject}.txt").is_file():
        return ()
    # The cases of a subject and the wording of its rules, by the names of the tests.
    return (_EXPECTED, "-k", f"[{subject}: or [{subject}.")


def warm_up() -> None:
    """Imports what no mutant changes, once for all children."""
    sys.dont_write_bytecode = False  # what each of them imports is compiled once
    sys.pycache_prefix = tempfile.mkdtemp(prefix="mutation-")
    atexit.register(shutil.rmtree, sys.pycache_prefix, ignore_errors=True)
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "rules"), str(ROOT)]
    import pytest  # noqa: F401
    from hypothesis import HealthCheck, Phase, settings

    # A mutant that fails is killed; the smallest case that it fails on is of no interest.
    phases = (Phase.explicit, Phase.generate)
    quiet = list(HealthCheck)
    settings.register_profile(
        "mutation", phases=phases, database=None, deadline=None, suppress_health_check=quiet
    )
    loaded = [name for name in sys.modules if name.startswith(("vlft.rules", "vlft.resolve"))]
    assert not loaded, loaded
    gc.freeze()


def _print_survivor(name: str, mutant: Mutant, source: str) -> None:
    line = mutant.file.read_text().splitlines()[mutant.line - 1].strip()
    changed = source.splitlines()[mutant.line - 1].strip()
    print(f"survived {name}:{mutant.line} {mutant.operator}\n    {line}\n    {changed}", flush=True)


def main() -> None:
    """Prints a line for each survivor, then the table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="files; all of rules/ and resolve/ by default")
    parser.add_argument("--share", type=float, default=1, help="part of the mutants to run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time")
    options = parser.parse_args()
    os.chdir(ROOT)
    files = [ROOT / name for name in options.modules] or [
        *sorted((ROOT / "vlft" / "rules").glob("[!_]*.py")),
        *sorted((ROOT / "vlft" / "resolve").glob("[!_]*.py")),
    ]
    warm_up()
    unchanged = Mutant(files[0], "", 0, 1)
    start(unchanged, files[0].read_text())
    if ended()[1]:
        sys.exit("the tests fail without any change")
    chooser, killed, total = random.Random(options.seed), Counter[str](), Counter[str]()  # noqa: S311
    started, running = time.monotonic(), dict[int, tuple[Mutant, str]]()

    def count_one() -> None:
        child, dead = ended()
        mutant, source = running.pop(child)
        name = str(mutant.file.relative_to(ROOT))
        total[name] += 1
        killed[name] += dead
        if not dead:
            _print_survivor(name, mutant, source)

    for mutant in [mutant for file in files for mutant in mutants_of(file)]:
        if chooser.random() < options.share and (source := mutant.source()) is not None:
            if len(running) == options.jobs:
                count_one()
            running[start(mutant, source)] = mutant, source
    while running:
        count_one()
    print("| module | mutants | killed |\n| --- | --- | --- |")
    for name in total:
        print(f"| {name} | {total[name]} | {killed[name] / total[name]:.0%} |")
    share = sum(killed.values()) / max(1, sum(total.values()))
    print(f"| all | {sum(total.values())} | {share:.1%} |")
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
