"""The environment that vlft was started in: the one module that reads it.

`ENVIRON` shows what is no secret. A secret's value is had as a `Secret` by `secret()`, and as it
is by `for_process()`, for a process that vlft starts.
"""

from __future__ import annotations

import os
from collections.abc import ItemsView, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from vlft.security.secrets import Secret, hidden_parts, mask_value, remember, reveal


class Environment(Mapping[str, str]):
    """Variables by name; a value that is had by its name may be shown.

    A secret is `***`, and a URL has no password in it.
    """

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        """Takes variables.

        Args:
            variables: Their values; those of this process, as they are at any time, if absent.
        """
        self._given = variables
        self._masked: dict[str, str] | None = None

    @property
    def _variables(self) -> Mapping[str, str]:
        return os.environ if self._given is None else self._given

    def __getitem__(self, name: str) -> str:
        if self._masked is None:
            return mask_value(name, self._variables[name])
        if name not in self._masked:
            self._masked[name] = mask_value(name, self._variables[name])
        return self._masked[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def items(self) -> ItemsView[str, str]:
        """All of them; those of a snapshot are masked once."""
        if self._masked is None:
            return super().items()
        for name in self._variables.keys() - self._masked.keys():
            self._masked[name] = mask_value(name, self._variables[name])
        return self._masked.items()

    def __contains__(self, name: object) -> bool:
        return name in self._variables

    def __repr__(self) -> str:
        return f"Environment({sorted(self)})"

    def secret(self, name: str) -> Secret | None:
        """The value of a variable, covered; None if it is not set."""
        value = self._variables.get(name)
        return None if value is None else Secret(value, mask_value(name, value))

    def holds(self, name: str, value: str) -> bool:
        """Whether a variable is set to a value."""
        return self._variables.get(name) == value

    def for_process(
        self, added: Mapping[str, str | Secret] | None = None, unset: tuple[str, ...] = ()
    ) -> dict[str, str]:
        """The whole environment of a process that vlft starts, secrets included.

        Args:
            added: Variables on top of these.
            unset: Variables of these that must not reach it.
        """
        kept = {name: value for name, value in self._variables.items() if name not in unset}
        return kept | {name: reveal(value) for name, value in (added or {}).items()}

    def snapshot(self) -> Environment:
        """The same as it is now: many reads of a process's variables cost less."""
        copy = Environment(dict(self._variables))
        copy._masked = {}
        return copy

    def remember_secrets(self) -> None:
        """Names the secrets to the printer."""
        for name, value in self._variables.items():
            shown = mask_value(name, value)
            if shown != value:
                remember(hidden_parts(value, shown))


ENVIRON: Final = Environment()
"""That of this process."""


def environment_of(variables: Mapping[str, str] | None) -> Environment:
    """Variables as an Environment; those of this process if absent."""
    if variables is None:
        return ENVIRON
    return variables if isinstance(variables, Environment) else Environment(variables)


@contextmanager
def variable_set(name: str, value: str) -> Iterator[None]:
    """Sets a variable of this process for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
