"""The Python that trains: found by reading files, never by starting or importing anything."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vlft.environment import ENVIRON
from vlft.errors import VlftError
from vlft.swift.site_packages import Installation, read_packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Interpreter:
    """A Python installation, and what is installed in it.

    Attributes:
        python: Absolute path of the executable; a virtual environment's symlink is kept,
            for it is what makes Python use that environment.
        site_packages: Folders that packages are imported from, in that order.
        swift_dir: Folder of the installed `swift` package, an editable one's source included.
        packages: Normalised name (`qwen-vl-utils`) → version of all that is installed.
        python_version: `3.11.7`, or `3.11` where no file says more; None if nothing does.
    """

    python: str
    site_packages: tuple[str, ...]
    swift_dir: str | None
    packages: Mapping[str, str]
    python_version: str | None


def find_interpreter(
    configured: str | None, *, environ: Mapping[str, str] = ENVIRON, key: str = "launch.python"
) -> Interpreter | None:
    """The interpreter of `launch.python`, else vlft's own, else the one of `swift` on PATH.

    The last two only count if ms-swift is installed there: other programs are called
    `swift` as well.

    Args:
        configured: Path of an executable, or its bare name on PATH.
        environ: The environment that PATH and HOME are taken from.
        key: Where it is configured, for messages.

    Raises:
        VlftError: If `configured` is not an executable file.
    """
    if configured is not None:
        return interpreter_at(_executable(configured, environ, key), environ)
    own = _running()
    if own is not None and "ms-swift" in own.packages:
        return own
    for python in _pythons_of_swift(environ):
        found = interpreter_at(python, environ)
        if "ms-swift" in found.packages:
            return found
    return None


def interpreter_at(python: str, environ: Mapping[str, str] = ENVIRON) -> Interpreter:
    """The interpreter with this executable; nothing is installed in it if it is not a Python."""
    installed = Installation(python)
    folders = installed.site_folders(environ)
    packages, swift_dir = read_packages(folders)
    return Interpreter(python, folders, swift_dir, packages, installed.version)


def _running() -> Interpreter | None:
    """The interpreter that runs vlft; it knows its own folders."""
    if not sys.executable:
        return None  # embedded
    folders = tuple(
        path for path in sys.path if Path(path).name in {"site-packages", "dist-packages"}
    )
    packages, swift_dir = read_packages(folders)
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Interpreter(sys.executable, folders, swift_dir, packages, version)


def _executable(configured: str, environ: Mapping[str, str], key: str) -> str:
    """What is configured as an absolute path; symlinks are kept."""
    path = Path(configured)
    if configured.startswith("~/") and environ.get("HOME"):
        path = Path(environ["HOME"], configured[2:])
    if os.sep not in configured:
        named = shutil.which(configured, path=environ.get("PATH", ""))
        path = Path(named) if named else path
    inside = path / "bin" / "python"
    if path.is_dir() and inside.is_file():
        raise VlftError(f"{key}: `{configured}` is a folder", f"write `{inside}`")
    if not path.is_file():
        hint = "name the Python that has ms-swift: the output of `which python` where swift works"
        raise VlftError(f"{key}: there is no file `{configured}`", hint)
    if not os.access(path, os.X_OK):
        raise VlftError(
            f"{key}: `{configured}` is not executable",
            "name a Python interpreter, such as ENV/bin/python",
        )
    return os.path.abspath(path)  # noqa: PTH100  Path.resolve would leave the environment


def _pythons_of_swift(environ: Mapping[str, str]) -> Iterator[str]:
    """The interpreters of all `swift` scripts on PATH, the first one first."""
    search = environ.get("PATH", "")
    for folder in dict.fromkeys(search.split(os.pathsep)):
        script = os.path.join(folder, "swift")  # noqa: PTH118  PATH is long, Path is slow
        if folder and os.access(script, os.X_OK):
            python = python_of_script(script, search)
            if python is not None:
                yield python


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
