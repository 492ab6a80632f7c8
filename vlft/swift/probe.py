"""What an ms-swift accepts: the dumps that vlft ships, or the answer of the installed one.

It is asked in a subprocess, once: a cache keeps what it said. The names that are gone are here too.
"""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from msgspec import Struct

from vlft.errors import VlftError
from vlft.files import write_text
from vlft.swift.release import SUBCOMMANDS, Argument, ModelEntry, Subcommand, SwiftFacts
from vlft.swift.versions import release

if TYPE_CHECKING:
    from vlft.swift.interpreter import Interpreter


FOLDER: Final = Path(__file__).parent / "releases"
_NAMES: Final = Path(__file__).parent / "names.json"
_SUFFIX: Final = ".json.gz"
_GZIP: Final = 31  # zlib's `wbits` for a gzip header; the module gzip takes longer to import

_BEFORE_4: Final = {
    "tuner_type": "train_type",
    "eval_metric": "metric",
    "safe_serialization": "save_safetensors",
    "mcore_adapter": "mcore_adapters",
}
"""Name of today → the one before 4.0."""

_SAME: Final = {"infer": frozenset({"metric"})}
"""Names that a subcommand has still."""


class _Facts(msgspec.Struct):
    """The first half of a dump."""

    format: Literal[1]
    ms_swift: str
    transformers: str
    templates: frozenset[str]
    arguments: tuple[Argument, ...]


class _Models(msgspec.Struct):
    """The other half; its models are parsed when they are asked for."""

    models: msgspec.Raw


class _Dump(msgspec.Struct):
    """What trainer_side/dump_arguments.py prints."""

    facts: _Facts
    models: _Models

    def as_facts(self) -> SwiftFacts:
        arguments: dict[Subcommand, dict[str, Argument]] = {name: {} for name in SUBCOMMANDS}
        for argument in self.facts.arguments:
            for command in argument.commands:
                arguments[command][argument.name] = argument
        return SwiftFacts(
            version=self.facts.ms_swift,
            arguments={key: by_names_of_today(value, key) for key, value in arguments.items()},
            templates=self.facts.templates,
            transformers=self.facts.transformers,
            load_models=functools.cache(self._read_models),
        )

    def _read_models(self) -> dict[str, ModelEntry]:
        entries = msgspec.json.decode(self.models.models, type=tuple[ModelEntry, ...])
        return {entry.model_type: entry for entry in entries}


class DumpError(ValueError):
    """A text is no dump of this format."""


def shipped_versions() -> tuple[str, ...]:
    """Versions of ms-swift that vlft ships a dump for, the newest first."""
    versions = (path.name.removesuffix(_SUFFIX) for path in FOLDER.glob(f"*{_SUFFIX}"))
    return tuple(sorted(versions, key=release, reverse=True))


def read_shipped(version: str) -> SwiftFacts | None:
    """The shipped dump for exactly this version; None if there is none."""
    text = shipped_text(version)
    return None if text is None else parse_dump(text)


def shipped_text(version: str) -> bytes | None:
    """A shipped dump as it was printed; None if there is none for this version."""
    try:
        return zlib.decompress((FOLDER / f"{version}{_SUFFIX}").read_bytes(), _GZIP)
    except OSError:
        return None


def parse_dump(text: str | bytes, *, whole: bool = False) -> SwiftFacts:
    """The dump in a text.

    Args:
        text: What trainer_side/dump_arguments.py prints.
        whole: Whether the models are parsed at once, so that a broken half shows; else when
            they are asked for.

    Raises:
        DumpError: The text is none.
    """
    try:
        facts = msgspec.json.decode(text, type=_Dump).as_facts()
        if whole:
            facts.models()
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DumpError(repr(error)) from None
    return facts


def by_names_of_today(
    arguments: dict[str, Argument], subcommand: Subcommand
) -> dict[str, Argument]:
    """The arguments of a subcommand by today's names; each one remembers its own."""
    if "tuner_type" in arguments:
        return arguments
    kept = _SAME.get(subcommand, frozenset())
    names = {old: new for new, old in _BEFORE_4.items() if old not in kept}
    named = {}
    for name, argument in arguments.items():
        new = names.get(name)
        renamed = msgspec.structs.replace(argument, name=new, flag=name) if new else argument
        named[renamed.name] = renamed
    return named


class OldName(Struct, frozen=True):
    """An argument that is gone.

    Attributes:
        name: What it was called.
        new: What it is called now; None if nothing took its place.
        last_seen: The last release that had it: `2.6.1`.
    """

    name: str
    new: str | None
    last_seen: str

    @property
    def gone(self) -> str:
        """When it went, for the end of a sentence."""
        return "since v3" if self.last_seen.startswith("2.") else f"since after v{self.last_seen}"


def old_name(subcommand: str, name: str) -> OldName | None:
    """What became of an argument; None if no release had it and dropped it.

    Args:
        subcommand: `sft` and what shares its arguments (`pt`, `rlhf`), or `export`.
        name: With underscores or hyphens.
    """
    plain = name.replace("-", "_")
    found = _names()["export" if subcommand == "export" else "sft"].get(plain)
    return OldName(plain, found[0], found[1]) if found else None


@functools.cache
def _names() -> Any:
    """The file; read once, and only when an argument is unknown."""
    return json.loads(_NAMES.read_bytes())


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
        return parse_dump(cache.read_bytes(), whole=True)
    text = _ask(interpreter, time_limit)
    try:
        facts = parse_dump(text, whole=True)
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
