"""The arguments of one ms-swift command, as they are after its own `__post_init__`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar

from vlft.config.schema import ARGUMENTS
from vlft.text import parse_json

if TYPE_CHECKING:
    from vlft.config.entry import KeyPath, Place
    from vlft.config.source import Source
    from vlft.swift.release import Argument

Arguments: TypeAlias = dict[str, tuple[str, ...]]
"""Argument of ms-swift → its values as text; one for most, several for a list."""

Scalar: TypeAlias = bool | int | float | str
Value: TypeAlias = Scalar | tuple[Scalar, ...] | Mapping[str, object] | None
"""An argument inside ms-swift; lists are tuples, a torch type is its name (`bfloat16`)."""

T_co = TypeVar("T_co", covariant=True)
Kind = TypeVar("Kind", bool, int, float, str)

AnyNumber = TypeVar("AnyNumber", int, float)

_LIMIT: Final = 2**63

_TRUE: Final = frozenset({"yes", "true", "t", "y", "1"})
_FALSE: Final = frozenset({"no", "false", "f", "n", "0"})
"""Truth values of transformers/hf_argparser.py: string_to_bool, lower case."""


class Origin(Enum):
    """Where an effective value comes from, strongest first."""

    SET = "--set"
    FILE = "config file"
    EXTENDS = "extended file"
    ENVIRONMENT = "environment"
    DERIVED = "computed by vlft"
    RELEASE = "default of the installed ms-swift"
    COMPUTED = "computed by ms-swift"
    UNKNOWN = "not known without the trainer"


class UnknownValueError(Exception):
    """A value that only the trainer knows, or a text that ms-swift refuses."""


@dataclass(frozen=True, slots=True)
class Effective(Generic[T_co]):
    """A value as ms-swift will see it.

    Attributes:
        value: Parsed as ms-swift parses it: `"true"`, `yes` and `1` are True for a bool. None if
            the argument has no value, if it is unknown, or if it is not of the requested kind.
        text: As it was written, for the command line (`1e-4` stays `1e-4`); for a default and a
            computed value its text; empty for None.
        origin: Where the value comes from. A written value that ms-swift replaces is COMPUTED.
        position: Where it was written; None if nobody wrote it.
        path: The key to point a finding at; None if nobody wrote it.
    """

    value: T_co
    text: str
    origin: Origin
    position: Place | None = None
    path: KeyPath | None = None

    @property
    def is_known(self) -> bool:
        """Whether the value is certain; a known value may be None."""
        return self.origin is not Origin.UNKNOWN


@dataclass(frozen=True, slots=True)
class Written:
    """What reaches the command line for one argument.

    Attributes:
        texts: One text, or several for a list.
        path: The key that decides it; None if no key does.
        origin: DERIVED or ENVIRONMENT; None: by the place of the key.
        added: How many of the texts vlft put before the user's.
    """

    texts: tuple[str, ...]
    path: KeyPath | None
    origin: Origin | None = None
    added: int = 0

    @property
    def is_given(self) -> bool:
        """Whether the user wrote it."""
        return self.origin is None


class SwiftArgs:
    """All arguments of one ms-swift command (`swift sft`, `pt`, `rlhf`), resolved once.

    Sections, `swift:`, environment, what vlft adds, the defaults of the release and the values
    that ms-swift computes are merged, in this order. Nothing is computed before it is read.

    An argument has one value here. Where `SftArguments` and the trainer's own
    `training_args` differ, it is the trainer's (`gradient_accumulation_steps`, `eval_steps`,
    `report_to`), with these exceptions:

    - `remove_unused_columns` is the one that the data is read with.
    - `warmup_ratio` stays as written, and `warmup_steps` is the warm-up in force: a number of
      steps, or a share of all steps below 1.
    - `deepspeed` and `fsdp` stay a preset's name or a file (`mapping` reads the file).
    - `output_dir` and what follows from it are unknown until a run has its folder.

    An argument that the command does not have is None and not given.
    """

    def __init__(
        self,
        legal: Mapping[str, Argument],
        written: Mapping[str, Written],
        source: Source,
        compute: Callable[[SwiftArgs, str, Value], Value],
        read_json: Callable[[str], Mapping[str, object] | None],
    ) -> None:
        """See `vlft.resolve.swift_args.resolve_swift_args`.

        Args:
            legal: What the command accepts, by name of today.
            written: What reaches the command line, by name of today.
            source: The config, for places.
            compute: Arguments, name, parsed or default value → the value after `__post_init__`;
                raises UnknownValueError where only the trainer knows it.
            read_json: Name of a JSON file → its content; None if there is no such file.
        """
        self._legal = legal
        self._written = written
        self._source = source
        self._compute = compute
        self._read_json = read_json
        self._resolved: dict[str, tuple[Value, Origin]] = {}

    # values ------------------------------------------------------------------------------------
    def get(self, name: str, kind: type[Kind]) -> Effective[Kind | None]:
        """One argument.

        Args:
            name: ms-swift's name of today.
            kind: bool, int, float or str. str fits every argument; an int reads as a float, and a
                float without a fraction as an int.
        """
        value, origin = self._effective(name)
        written = self._written.get(name)
        path = written.path if written else None
        given = written is not None and written.is_given
        return Effective(
            _as_kind(value, kind),
            " ".join(written.texts) if written else as_text(value),
            origin,
            self._source.place(path) if given and path else None,
            path,
        )

    def flag(self, name: str) -> bool:
        """Whether this argument is certainly true."""
        return self._effective(name)[0] is True

    def is_off(self, name: str) -> bool:
        """Whether this argument is certainly false."""
        return self._effective(name)[0] is False

    def texts(self, name: str) -> tuple[str, ...]:
        """The items of a list, or the one value, as text; empty if there is none or unknown."""
        value, _ = self._effective(name)
        items = value if isinstance(value, tuple) else () if value is None else (value,)
        return tuple(as_text(item) for item in items)

    def numbers(self, name: str) -> tuple[float, ...]:
        """The items of a list of numbers; empty if there is none or unknown."""
        value, _ = self._effective(name)
        items = value if isinstance(value, tuple) else (value,)
        return tuple(number for item in items if (number := _as_kind(item, float)) is not None)

    def mapping(self, name: str) -> Mapping[str, object] | None:
        """A JSON argument: from YAML, from text, or from the file that the text names.

        Returns:
            Its keys; empty if there is no value, None if it is unknown or not a mapping.
        """
        value, origin = self._effective(name)
        if origin is Origin.UNKNOWN:
            return None
        if isinstance(value, Mapping):
            return value
        if not value:
            return {}
        if not isinstance(value, str):
            return None
        return parse_mapping(value) or self._read_json(value)

    def given(self, name: str, kind: type[Kind]) -> Kind | None:
        """What the user wrote, parsed; None if the argument is absent or of another kind."""
        written = self._written.get(name)
        if written is None or not written.is_given or len(written.texts) != 1:
            return None
        argument = self._legal.get(name)
        try:
            value = written.texts[0] if argument is None else parse(argument, written.texts)
        except UnknownValueError:
            value = written.texts[0]
        if isinstance(value, tuple):
            value = value[0]
        return _as_kind(value, kind)

    def given_texts(self, name: str) -> tuple[str, ...]:
        """What the user wrote, as text; empty if the argument is absent."""
        written = self._written.get(name)
        if written is None or not written.is_given:
            return ()
        return written.texts[written.added :]

    def value(self, name: str) -> Value:
        """The untyped value; None also where it is unknown."""
        return self._effective(name)[0]

    def require(self, name: str) -> Value:
        """The untyped value.

        Raises:
            UnknownValueError: If it is unknown.
        """
        value, origin = self._effective(name)
        if origin is Origin.UNKNOWN:
            raise UnknownValueError(name)
        return value

    def before(self, name: str) -> Value:
        """The value before ms-swift's `__post_init__`: as parsed, else the release's default.

        Raises:
            UnknownValueError: If it is unknown, or ms-swift refuses the text.
        """
        argument, written = self._legal.get(name), self._written.get(name)
        if written is None:
            return _default(argument)
        if argument is None:
            raise UnknownValueError(name)
        return parse(argument, written.texts)

    # origins -----------------------------------------------------------------------------------
    def is_given(self, name: str) -> bool:
        """Whether the user wrote this argument, in a section or under `swift:`."""
        written = self._written.get(name)
        return written is not None and written.is_given

    def path(self, name: str) -> KeyPath:
        """The key that decides this argument, or on which it can be written."""
        written = self._written.get(name)
        return written.path if written and written.path else key_of(name)

    def written(self) -> Mapping[str, tuple[str, ...]]:
        """What reaches the command line: name of today → its texts; without `output_dir`."""
        return {
            name: written.texts
            for name, written in self._written.items()
            if written.origin is not Origin.ENVIRONMENT
        }

    def _effective(self, name: str) -> tuple[Value, Origin]:
        if name not in self._resolved:
            self._resolved[name] = self._resolve(name)
        return self._resolved[name]

    def _resolve(self, name: str) -> tuple[Value, Origin]:
        try:
            before = self.before(name)
            value = self._compute(self, name, before) if name in self._legal else before
        except UnknownValueError:
            return None, Origin.UNKNOWN
        if value != before or type(value) is not type(before):
            return value, Origin.COMPUTED
        written = self._written.get(name)
        if written is None:
            return value, Origin.RELEASE
        return value, written.origin or self._origin_of(written)

    def _origin_of(self, written: Written) -> Origin:
        assert written.path is not None  # noqa: S101 - what has no origin of its own has a key
        file = self._source.place(written.path).file
        if file is None:
            return Origin.SET
        return Origin.FILE if file == self._source.file else Origin.EXTENDS


def key_of(name: str) -> KeyPath:
    """The config key of an argument: its section's, else the one under `swift:`."""
    owner = ARGUMENTS.get(name)
    return ("swift", name) if owner is None else tuple(owner.split("."))


def parse(argument: Argument, texts: tuple[str, ...]) -> Value:
    """The texts as HfArgumentParser reads them; a JSON object becomes a mapping.

    Raises:
        UnknownValueError: If ms-swift refuses them.
    """
    if not argument.settable or not texts or (len(texts) > 1 and not argument.many):
        raise UnknownValueError(argument.name)
    items = tuple(_parse_one(argument, text) for text in texts)
    return items if argument.many else items[0]  # type: ignore[return-value]


def _parse_one(argument: Argument, text: str) -> Scalar | Mapping[str, object]:
    if argument.choices is not None and text not in argument.choices:
        raise UnknownValueError(argument.name)
    try:
        match argument.type:
            case "bool":
                return parse_bool(text)
            case "int":
                return _below(int(text), _LIMIT)
            case "float":
                return _below(float(text), math.inf)
            case "json" if text.startswith("{"):
                found = parse_mapping(text)
                if found is None:
                    raise UnknownValueError(argument.name)
                return found
            case _:
                return text
    except ValueError as error:
        raise UnknownValueError(argument.name) from error


def _below(number: AnyNumber, limit: float) -> AnyNumber:
    """The number, if torch can compute with it.

    Raises:
        ValueError: If it is not below the limit in size, or NaN.
    """
    if not abs(number) < limit:
        raise ValueError(number)
    return number


def parse_bool(text: str) -> bool:
    """A truth value as HfArgumentParser reads it.

    Raises:
        ValueError: If it is none.
    """
    low = text.lower()
    if low not in _TRUE | _FALSE:
        raise ValueError(text)
    return low in _TRUE


def parse_mapping(text: str) -> Mapping[str, object] | None:
    """The JSON object in a text; None if there is none."""
    found = parse_json(text)
    return found if isinstance(found, dict) else None


def as_text(value: Value) -> str:
    """A value as a command line holds it; empty for None, a list joined by spaces."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return " ".join(map(as_text, value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else str(value)


def _default(argument: Argument | None) -> Value:
    if argument is None:
        return None
    value = argument.default
    if value is None and not argument.optional:
        raise UnknownValueError(argument.name)
    if isinstance(value, list):
        return tuple(value)
    if argument.type == "float" and isinstance(value, int):
        return float(value)
    return value  # type: ignore[return-value]


def _as_kind(value: Value, kind: type[Kind]) -> Kind | None:
    """The value as this kind; None if it is not of this kind."""
    is_bool = isinstance(value, bool)
    if value is None or (isinstance(value, kind) and is_bool == issubclass(kind, bool)):
        return value
    if issubclass(kind, str):
        return kind(as_text(value))
    if is_bool or issubclass(kind, bool) or not isinstance(value, (int, float)):
        return None
    return kind(value) if kind(value) == value else None
