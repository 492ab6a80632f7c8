"""The one way to say that the trainer's interpreter lacks a package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.rules.base import Context, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.config.source import KeyPath


def not_installed(
    context: Context, package: str, path: KeyPath, *, at_key: bool = False
) -> Iterator[Problem]:
    """The problem, unless the package is there or the interpreter is not known.

    Args:
        context: Of the rule.
        package: Normalised name, `liger-kernel`.
        path: Key that asks for it.
        at_key: Whether the key rather than the value is to be pointed at.
    """
    interpreter = context.facts.interpreter
    if interpreter is not None and package not in interpreter.packages:
        yield Problem(
            path,
            f"{package} is not installed in {interpreter.python}",
            f"{interpreter.python} -m pip install {package}",
            at_key=at_key,
        )
