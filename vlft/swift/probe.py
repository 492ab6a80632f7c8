"""Asking an installed ms-swift itself, once: a subprocess, and a cache of what it said."""

from __future__ import annotations

import hashlib
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vlft.errors import VlftError
from vlft.files import write_text
from vlft.swift.dumps import DumpError, parse_dump, read_shipped, shipped_versions
from vlft.swift.versions import release

if TYPE_CHECKING:
    from vlft.swift.interpreter import Interpreter
    from vlft.swift.release import SwiftFacts

TIME_LIMIT = 60
"""Seconds that importing ms-swift may take; 5 to 20 were seen."""

OLDEST = (3, 12)
"""The first release that vlft runs."""

_SCRIPT = Path(__file__).parent.parent / "trainer_side" / "dump_arguments.py"
# What a checkout of the source may change without another version.
_SOURCES = (
    "arguments", "arguments/base_args", "model/models", "template/templates", "trainers",
    "llm/argument", "llm/argument/base_args", "llm/model/model", "llm/template/template",
)  # fmt: skip


def probe(interpreter: Interpreter, time_limit: float = TIME_LIMIT) -> SwiftFacts:
    """What this interpreter's ms-swift accepts, from the cache if it was asked before.

    Raises:
        VlftError: If it is older than 3.12, can't be imported, or takes longer than the time
            limit (seconds).
    """
    version = interpreter.packages.get("ms-swift", "")
    if () < release(version)[:2] < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise VlftError(
            f"`{interpreter.python}` has ms-swift {version}; vlft runs {oldest} and later",
            f'`{interpreter.python} -m pip install -U "ms-swift>=4.6,<4.7"`',
        )
    cache = cache_file(interpreter)
    with suppress(OSError, DumpError):  # a broken answer is asked for again
        return parse_dump(cache.read_bytes(), "probed")
    text = _ask(interpreter, time_limit)
    try:
        facts = parse_dump(text, "probed")
    except DumpError as error:
        raise VlftError(
            f"ms-swift of `{interpreter.python}` gave an answer that vlft can't read: {error}",
            "this is a mistake in vlft; `launch.python` with a supported ms-swift avoids it",
        ) from None
    with suppress(OSError):  # without a place to write, the next run asks again
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_text(cache, text)
    return facts


def cache_file(interpreter: Interpreter) -> Path:
    """Where the answer is kept: by the versions, the place, and an editable source's times."""
    import platformdirs  # noqa: PLC0415  only other versions than the shipped ones need it

    packages = interpreter.packages
    version = packages.get("ms-swift", "none")
    key = [
        version,
        packages.get("transformers", "none"),
        interpreter.python,
        interpreter.swift_dir or "",
        hashlib.sha256(_SCRIPT.read_bytes()).hexdigest(),
        *_source_times(interpreter),
    ]
    digest = hashlib.sha256("\0".join(key).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    safe = "".join(char if char.isalnum() or char in ".+-" else "_" for char in version)
    return Path(platformdirs.user_cache_dir("vlft"), "swift", f"{safe}-{digest}.json")


def _source_times(interpreter: Interpreter) -> list[str]:
    """Modification times of an editable install's own files; none for an installed wheel."""
    source = interpreter.swift_dir
    if source is None or str(Path(source).parent) in interpreter.site_packages:
        return []
    files = (path for name in _SOURCES for path in sorted(Path(source, name).glob("*.py")))
    return [f"{path.name}:{path.stat().st_mtime_ns}" for path in files]


def _ask(interpreter: Interpreter, time_limit: float) -> str:
    """What the dump program prints when this interpreter runs it."""
    of_3 = interpreter.packages.get("ms-swift", "").startswith("3.")
    module = "swift.llm" if of_3 else "swift.arguments"
    try:
        done = subprocess.run(
            [interpreter.python, str(_SCRIPT)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=time_limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise VlftError(
            f"ms-swift of `{interpreter.python}` was not imported within {time_limit:g} s",
            f'try `{interpreter.python} -c "import {module}"`: '
            "a slow or unreachable file system is the usual reason",
        ) from None
    except OSError as error:
        raise VlftError(
            f"`{interpreter.python}` can't be started: {error.strerror}",
            "name a Python interpreter in launch.python",
        ) from None
    if done.returncode != 0:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no message"]
        raise VlftError(
            f"ms-swift of `{interpreter.python}` can't be imported: {lines[-1]}",
            f'see `{interpreter.python} -c "import {module}"`',
        )
    return done.stdout.decode("utf-8", "replace")


def read_swift(interpreter: Interpreter | None) -> SwiftFacts:
    """The arguments, templates and models of this interpreter's ms-swift.

    Without an interpreter, or without ms-swift in it, those of the newest version that vlft
    ships a dump for. A version that has no dump is asked in a subprocess (5 to 20 s), once.

    Raises:
        VlftError: If an ms-swift that has to be asked can't be imported.
    """
    version = interpreter.packages.get("ms-swift") if interpreter else None
    if interpreter is None or version is None:
        version = shipped_versions()[0]
    shipped = read_shipped(version)
    if shipped is not None:
        return shipped
    assert interpreter is not None  # noqa: S101  the newest shipped dump exists

    return probe(interpreter)
