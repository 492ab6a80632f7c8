"""Import cycles between modules of the package; scripts/check runs it.

Imports inside functions and under TYPE_CHECKING count: a cycle that only types close is one that a
reader has to follow too. A package's own `__init__` counts only with two other modules.

    python tools/cycles.py
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

PACKAGE = "vlft"


def imports_of(path: Path) -> set[str]:
    """Every module that a file names in an import, and every `module.name`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = ".".join(path.with_suffix("").parts).removesuffix(".__init__").split(".")
            package = parts if path.name == "__init__.py" else parts[:-1]
            kept = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*kept, *([node.module] if node.module else [])])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one module (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in graph[module]:
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            component = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(component) > 1:
                found.append(component)

    sys.setrecursionlimit(10_000)
    for module in graph:
        if module not in index:
            visit(module)
    return found


def main() -> int:
    """Prints each cycle, a line each."""
    files = {
        ".".join(path.with_suffix("").parts).removesuffix(".__init__"): path
        for path in Path(PACKAGE).rglob("*.py")
    }
    packages = {module for module, path in files.items() if path.name == "__init__.py"}
    graph = {
        module: {name for name in imports_of(path) if name in files and name != module}
        for module, path in files.items()
    }
    wrong = [
        sorted(cycle)
        for cycle in cycles(graph)
        if sum(module not in packages for module in cycle) > 1
    ]
    for cycle in wrong:
        print("import cycle:", *cycle)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
