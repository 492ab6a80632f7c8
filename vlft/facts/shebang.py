"""Which Python an installed script is run by, from its first lines."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

_HEAD_BYTES = 4096
_SHELLS = {"sh", "bash", "dash", "zsh"}
# pip, uv and distlib write this under `#!/bin/sh` where the path is too long for a shebang,
# has a space, or is relative to the script.
_TRAMPOLINE = re.compile(r"^'''exec'\s+(?P<command>.+)\s+\"\$0\"\s+\"\$@\"", re.MULTILINE)
_OWN_FOLDER = re.compile(r'"?\$\(dirname -- "\$\(realpath -- "\$0"\)"\)"?/')


def python_of_script(script: str, search: str) -> str | None:
    """Absolute path of the Python that would run the script; None if no Python would.

    Args:
        script: Path of the script; a symlink is followed where the shell would.
        search: A PATH, for `#!/usr/bin/env python3`.
    """
    try:
        with open(script, "rb") as file:  # noqa: PTH123  one open, on the start-up path
            head = file.read(_HEAD_BYTES)
    except OSError:
        return None
    if not head.startswith(b"#!"):
        return None  # a compiled program: Apple's compiler is called swift as well
    text = head.decode("utf-8", errors="replace")
    words = _split(text.partition("\n")[0][2:])
    if not words:
        return None
    name = Path(words[0]).name
    if name in _SHELLS:
        return _python(_trampoline(text, script), search)
    if name == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    return _python(words[0] if words else None, search)


def _trampoline(text: str, script: str) -> str | None:
    """The program that a shell script hands itself to at once."""
    found = _TRAMPOLINE.search(text)
    if found is None:
        return None
    folder = os.path.dirname(os.path.realpath(script))  # noqa: PTH120
    own = shlex.quote(folder) + "/"
    words = _split(_OWN_FOLDER.sub(lambda _: own, found["command"]))
    return words[0] if words else None


def _python(command: str | None, search: str) -> str | None:
    """The command as an existing executable that is called python-something."""
    if command is None or not re.match(r"python|pypy", Path(command).name):
        return None
    if not os.path.isabs(command):  # noqa: PTH117
        return shutil.which(command, path=search)
    return command if os.access(command, os.X_OK) else None


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []
