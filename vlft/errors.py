"""What vlft raises.

    VlftError               carries a message, a hint and an exit code
    ├── UsageError          2: the command line asks for something that does not exist
    ├── InvalidError        1: findings of severity error; they are attached
    ├── TrainerError        3: the trainer was started and failed
    └── StoppedError        128 + the signal: vlft was asked to end while the trainer ran

Bad input never reaches the user as a traceback: the command line turns a VlftError into
its message, its hint and its exit code, in one place (vlft/cli/__init__.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.findings import Finding


class VlftError(Exception):
    """Base of all errors that vlft means the user to read.

    Args:
        message: What is wrong, with the value.
        hint: What to do instead, as a sentence or a command to type.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(VlftError):
    """A flag, an argument or the thing that it names does not exist."""

    exit_code = 2


class InvalidError(VlftError):
    """The config, or what it points to, has mistakes: all of them are in `findings`.

    Args:
        findings: Everything found, warnings too.
        documents: The texts that they point into.
    """

    def __init__(
        self, findings: Sequence[Finding], documents: Mapping[str, str] | None = None
    ) -> None:
        count = sum(finding.severity == "error" for finding in findings)
        super().__init__(f"{count} error{'s' if count != 1 else ''} found")
        self.findings = tuple(findings)
        self.documents = documents or {}


class TrainerError(VlftError):
    """The trainer ran and ended with an error of its own."""

    exit_code = 3


class StoppedError(VlftError):
    """A signal ended the trainer."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("stopped by a signal")
        self.exit_code = exit_code
