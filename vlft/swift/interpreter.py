"""The Python that trains: found by reading files, never by starting or importing anything."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from msgspec import Struct

from vlft.environment import ENVIRON
from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Interpreter(Struct, frozen=True):
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
    prefix = _prefix_of(python)
    keys = _read_pyvenv(prefix)
    # venv; virtualenv and uv
    written = keys.get("version") or keys.get("version_info") or ""
    minor = _minor(written, python, prefix)
    conda = (_CONDA_RECORD.match(name) for name in _names(prefix / "conda-meta"))
    recorded = next((match[1] for match in conda if match), minor)
    folders = _site_folders(prefix, minor, keys, environ)
    packages, swift_dir = read_packages(folders)
    version = ".".join(written.split(".")[:3]) or recorded
    return Interpreter(python, folders, swift_dir, packages, version)


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


_SEPARATORS = re.compile(r"[-_.]+")
_PYTHON_FOLDER = re.compile(r"python(3\.\d+)t?$")
_CONDA_RECORD = re.compile(r"python-(3\.\d+\.\d+)-.*\.json$")


def _site_folders(
    prefix: Path, minor: str | None, keys: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Existing folders that a Python imports packages from, in its order.

    Args:
        prefix: Folder that it lives in.
        minor: `3.11`; None if no file says so.
        keys: Of pyvenv.cfg.
        environ: The environment that HOME is taken from.
    """
    folders = _packages_in(prefix, minor)
    if keys and keys.get("include-system-site-packages", "").lower() != "true":
        return tuple(folders)
    user: list[str] = []
    if minor and environ.get("HOME") and not environ.get("PYTHONNOUSERSITE"):
        base = Path(environ.get("PYTHONUSERBASE") or Path(environ["HOME"], ".local"))
        candidate = base / "lib" / f"python{minor}" / "site-packages"
        user = [str(candidate)] if candidate.is_dir() else []
    home = keys.get("home")
    system = _packages_in(Path(os.path.realpath(home)).parent, minor) if home else []
    ordered = folders + user + system if keys else user + folders
    return tuple(dict.fromkeys(ordered))


def _packages_in(prefix: Path, minor: str | None) -> list[str]:
    """site-packages of a prefix, and Debian's dist-packages."""
    name = f"python{minor}"
    candidates = [
        prefix / "local" / "lib" / name / "dist-packages",
        prefix / "lib" / name / "site-packages",
        prefix / "lib64" / name / "site-packages",
        prefix / "lib" / "python3" / "dist-packages",
    ]
    existing = [path for path in candidates if path.is_dir()]
    # lib64 is often a symlink to lib
    unique = {os.path.realpath(path): str(path) for path in reversed(existing)}
    return list(reversed(unique.values()))


def _prefix_of(python: str) -> Path:
    """Folder that the installation of this executable lives in.

    A virtual environment is told by its pyvenv.cfg; any other executable is followed
    through its symlinks, as Python itself does.
    """
    folder = Path(python).parent
    for candidate in (folder.parent, folder):
        if (candidate / "pyvenv.cfg").is_file():
            return candidate
    return Path(os.path.realpath(python)).parent.parent


def _read_pyvenv(prefix: Path) -> dict[str, str]:
    """The keys of pyvenv.cfg, lower case; empty where there is none."""
    pairs = (line.partition("=") for line in _read(prefix / "pyvenv.cfg").splitlines())
    return {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}


def _minor(written: str, python: str, prefix: Path) -> str | None:
    """`3.11`: from pyvenv.cfg, the executable's name, else the newest library folder."""
    if match := re.match(r"3\.\d+", written):
        return match[0]
    if match := _PYTHON_FOLDER.match(Path(os.path.realpath(python)).name):
        return match[1]
    matches = (_PYTHON_FOLDER.match(name) for name in _names(prefix / "lib"))
    found = [match[1] for match in matches if match]
    return max(found, key=lambda text: int(text[2:]), default=None)


def read_packages(folders: Sequence[str]) -> tuple[dict[str, str], str | None]:
    """Installed packages, normalized name → version, and the folder of ms-swift's `swift`.

    One scan a folder: the names of the *.dist-info entries say it all. (importlib.metadata parses
    a file of each package: 100 ms for 200 of them, a hundred times as long.) An earlier folder
    hides a later one, as it does for Python.
    """
    packages: dict[str, str] = {}
    swift_dir: str | None = None
    for folder in folders:
        names = _names(Path(folder))
        found = dict(filter(None, map(_distribution, names)))
        hooks = [name for name in names if name.endswith(".pth") or name.startswith("__editable__")]
        if swift_dir is None and "ms-swift" not in packages:
            if "ms-swift" in found:
                swift_dir = str(Path(folder, "swift")) if "swift" in names else None
                swift_dir = swift_dir or editable_swift(Path(folder), hooks)
            # `setup.py develop` leaves a path and an egg-link, but no dist-info.
            elif hooks and (checkout := editable_swift(Path(folder), hooks)):
                version = swift_version(checkout)
                if version:
                    swift_dir, found["ms-swift"] = checkout, version
        packages = {**found, **packages}
    return packages, swift_dir


def _distribution(name: str) -> tuple[str, str] | None:
    """Normalized name and version of a *.dist-info or *.egg-info; a bare NAME.egg-info has none."""
    stem, _, suffix = name.rpartition(".")
    distribution, _, rest = stem.partition("-")
    version = rest.partition("-py")[0]
    if suffix not in ("dist-info", "egg-info") or not version:
        return None
    return _SEPARATORS.sub("-", distribution).lower(), version


def swift_version(swift_dir: str) -> str | None:
    """What the version.py of a `swift` folder says; None if it is not ms-swift."""
    text = _read(Path(swift_dir, "version.py"))
    match = re.search(r"^__version__\s*=\s*['\"]([^'\"]+)", text, re.MULTILINE)
    return match[1] if match and "__release_datetime__" in text else None


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  names are enough, and ten times faster
    except OSError:
        return []


_MAPPING = re.compile(r"^MAPPING\b[^=]*=\s*(\{.*?\})\s*$", re.MULTILINE)


def editable_swift(folder: Path, hooks: Sequence[str]) -> str | None:
    """The `swift` folder that the hooks in a site-packages folder lead to.

    Args:
        folder: A site-packages folder.
        hooks: Names in it: `*.pth`, whose plain lines are folders to import from, and
            `__editable__*_finder.py`, which maps packages to folders.
    """
    for candidate in _candidates(folder, hooks):
        if (candidate / "__init__.py").is_file():
            return str(candidate)
    return None


def _candidates(folder: Path, hooks: Sequence[str]) -> Iterator[Path]:
    for name in sorted(hooks):
        text = _read(folder / name)
        if name.endswith("_finder.py"):
            mapped = _mapping(text).get("swift")
            if isinstance(mapped, str):
                yield folder / mapped
        elif name.endswith(".pth"):
            for line in text.splitlines():
                path = line.strip()
                if path and not path.startswith(("#", "import ", "import\t")):
                    yield folder / path / "swift"
    yield from _direct_urls(folder)


def _mapping(text: str) -> dict[object, object]:
    """The dict that setuptools writes into its finder."""
    found = _MAPPING.search(text)
    try:
        value = ast.literal_eval(found[1]) if found else {}
    except (ValueError, SyntaxError):
        return {}
    return value if isinstance(value, dict) else {}


def _direct_urls(folder: Path) -> Iterator[Path]:
    """The checkout that PEP 610's direct_url.json names."""
    for file in folder.glob("ms_swift-*.dist-info/direct_url.json"):
        try:
            value = json.loads(_read(file))
        except (ValueError, RecursionError):
            continue
        url = urlparse(str(value.get("url", ""))) if isinstance(value, dict) else None
        if url is not None and url.scheme == "file":
            yield Path(unquote(url.path), "swift")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
