"""A Python installation as files: where its packages are, which, and where `swift` lies."""

from __future__ import annotations

import ast
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SEPARATORS = re.compile(r"[-_.]+")
_PYTHON_FOLDER = re.compile(r"python(3\.\d+)t?$")
_CONDA_RECORD = re.compile(r"python-(3\.\d+\.\d+)-.*\.json$")


class Installation:
    """The Python of an executable; nothing is known of what is not a Python.

    Attributes:
        prefix: Folder that it lives in.
        minor: `3.11`; None if no file says so.
        version: `3.11.7` where pyvenv.cfg or conda say it, else as `minor`.
    """

    def __init__(self, python: str) -> None:
        """Reads pyvenv.cfg, and names in the prefix."""
        self.prefix = _prefix_of(python)
        self._pyvenv = _read_pyvenv(self.prefix)
        # venv; virtualenv and uv
        written = self._pyvenv.get("version") or self._pyvenv.get("version_info") or ""
        self.minor = _minor(written, python, self.prefix)
        conda = (_CONDA_RECORD.match(name) for name in _names(self.prefix / "conda-meta"))
        recorded = next((match[1] for match in conda if match), self.minor)
        self.version = ".".join(written.split(".")[:3]) or recorded

    def site_folders(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """Existing folders that this Python imports packages from, in its order."""
        folders, keys = self._folders_in(self.prefix), self._pyvenv
        if keys and keys.get("include-system-site-packages", "").lower() != "true":
            return tuple(folders)
        user: list[str] = []
        if self.minor and environ.get("HOME") and not environ.get("PYTHONNOUSERSITE"):
            base = Path(environ.get("PYTHONUSERBASE") or Path(environ["HOME"], ".local"))
            candidate = base / "lib" / f"python{self.minor}" / "site-packages"
            user = [str(candidate)] if candidate.is_dir() else []
        home = keys.get("home")
        system = self._folders_in(Path(os.path.realpath(home)).parent) if home else []
        ordered = folders + user + system if keys else user + folders
        return tuple(dict.fromkeys(ordered))

    def _folders_in(self, prefix: Path) -> list[str]:
        """site-packages of a prefix, and Debian's dist-packages."""
        name = f"python{self.minor}"
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
