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


def prefix_of(python: str) -> Path:
    """Folder that the installation of this executable lives in.

    A virtual environment is told by its pyvenv.cfg; any other executable is followed
    through its symlinks, as Python itself does.
    """
    folder = Path(python).parent
    for candidate in (folder.parent, folder):
        if (candidate / "pyvenv.cfg").is_file():
            return candidate
    return Path(os.path.realpath(python)).parent.parent


def read_pyvenv(prefix: Path) -> dict[str, str]:
    """The keys of pyvenv.cfg, lower case; empty where there is none."""
    try:
        text = (prefix / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines())
    return {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}


def python_version(python: str, prefix: Path) -> str | None:
    """`3.11.7` where pyvenv.cfg or conda say it, else `3.11` from a name, else None."""
    keys = read_pyvenv(prefix)
    told = keys.get("version") or keys.get("version_info")  # venv; virtualenv and uv
    if told:
        return ".".join(told.split(".")[:3])
    for name in _names(prefix / "conda-meta"):
        if match := _CONDA_RECORD.match(name):
            return match[1]
    return _minor(python, prefix)


def site_folders(python: str, prefix: Path, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Existing folders that this Python imports packages from, in its order."""
    keys = read_pyvenv(prefix)
    folders = _site_folders_of(python, prefix)
    isolated = bool(keys) and keys.get("include-system-site-packages", "").lower() != "true"
    if isolated:
        return tuple(dict.fromkeys(folders))
    user: list[str] = []
    minor = _minor(python, prefix)
    if minor and environ.get("HOME") and not environ.get("PYTHONNOUSERSITE"):
        base = environ.get("PYTHONUSERBASE") or os.path.join(environ["HOME"], ".local")  # noqa: PTH118
        candidate = Path(base, "lib", f"python{minor}", "site-packages")
        user = [str(candidate)] if candidate.is_dir() else []
    if not keys:
        return tuple(dict.fromkeys(user + folders))
    home = keys.get("home")
    system = _site_folders_of(python, Path(os.path.realpath(home)).parent) if home else []
    return tuple(dict.fromkeys(folders + user + system))


def read_packages(folders: Sequence[str]) -> tuple[dict[str, str], str | None]:
    """Installed packages, normalised name → version, and the folder of ms-swift's `swift`.

    One scan a folder: the names of the *.dist-info entries say it all. An earlier folder
    hides a later one, as it does for Python.
    """
    packages: dict[str, str] = {}
    swift_dir: str | None = None
    for folder in folders:
        found: dict[str, str] = {}
        hooks: list[str] = []
        package: str | None = None
        for name in _names(Path(folder)):
            if name.endswith((".dist-info", ".egg-info")):
                distribution, _, rest = name.rpartition(".")[0].partition("-")
                version = rest.partition("-py")[0]
                if version:  # a bare NAME.egg-info says none
                    found[_SEPARATORS.sub("-", distribution).lower()] = version
            elif name == "swift":
                package = os.path.join(folder, name)  # noqa: PTH118
            elif name.endswith(".pth") or name.startswith("__editable__"):
                hooks.append(name)
        if swift_dir is None and "ms-swift" in found and "ms-swift" not in packages:
            swift_dir = package or editable_swift(Path(folder), hooks)
        elif swift_dir is None and hooks and "ms-swift" not in packages:
            # `setup.py develop` leaves a path and an egg-link, but no dist-info.
            swift_dir = editable_swift(Path(folder), hooks)
            told = swift_version(swift_dir) if swift_dir else None
            if told:
                found["ms-swift"] = told
            else:
                swift_dir = None
        packages = {**found, **packages}
    return packages, swift_dir


def swift_version(swift_dir: str) -> str | None:
    """What the version.py of a `swift` folder says; None if it is not ms-swift."""
    try:
        text = Path(swift_dir, "version.py").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    match = re.search(r"^__version__\s*=\s*['\"]([^'\"]+)", text, re.MULTILINE)
    return match[1] if match and "__release_datetime__" in text else None


def _site_folders_of(python: str, prefix: Path) -> list[str]:
    """site-packages of a prefix, and Debian's dist-packages."""
    minor = _minor(python, prefix)
    versions = [f"python{minor}"] if minor else []
    candidates = [
        *(prefix / "local" / "lib" / name / "dist-packages" for name in versions),
        *(prefix / lib / name / "site-packages" for lib in ("lib", "lib64") for name in versions),
        prefix / "lib" / "python3" / "dist-packages",
    ]
    existing = [path for path in candidates if path.is_dir()]
    # lib64 is often a symlink to lib
    unique = {os.path.realpath(path): str(path) for path in reversed(existing)}
    return list(reversed(unique.values()))


def _minor(python: str, prefix: Path) -> str | None:
    """`3.11`: from pyvenv.cfg, the executable's name, else the only library folder."""
    keys = read_pyvenv(prefix)
    told = re.match(r"3\.\d+", keys.get("version") or keys.get("version_info") or "")
    if told:
        return told[0]
    match = _PYTHON_FOLDER.match(Path(os.path.realpath(python)).name)
    if match:
        return match[1]
    matches = (_PYTHON_FOLDER.match(name) for name in _names(prefix / "lib"))
    found = sorted({match[1] for match in matches if match}, key=lambda text: int(text[2:]))
    return found[-1] if found else None


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
