"""The arguments of one ms-swift command, as they are after its own `__post_init__`."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

from msgspec import Struct

from vlft.config.schema import ARGUMENTS
from vlft.errors import VlftError
from vlft.text import parse_json

if TYPE_CHECKING:
    from vlft.config.entry import KeyPath
    from vlft.probe.collect import Facts
    from vlft.resolve.model import ModelSpec
    from vlft.swift.release import Argument, Arguments, Subcommand

Scalar: TypeAlias = bool | int | float | str
Value: TypeAlias = Scalar | tuple[Scalar, ...] | Mapping[str, object] | None
"""An argument inside ms-swift; lists are tuples, a torch type is its name (`bfloat16`)."""

Kind = TypeVar("Kind", bool, int, float, str)
AnyNumber = TypeVar("AnyNumber", int, float)

_LIMIT: Final = 2**63

_TRUE: Final = frozenset({"yes", "true", "t", "y", "1"})
_FALSE: Final = frozenset({"no", "false", "f", "n", "0"})
"""Truth values of transformers/hf_argparser.py: string_to_bool, lower case."""


class UnknownValueError(Exception):
    """A value that only the trainer knows, or a text that ms-swift refuses."""


class Written(Struct, frozen=True):
    """What reaches ms-swift for one argument.

    Attributes:
        texts: One text, or several for a list.
        path: The key that decides it; None if no key does.
        by: Who wrote it; what is in the environment is not on the command line.
        added: How many of the texts vlft put before the user's.
    """

    texts: tuple[str, ...]
    path: KeyPath | None
    by: Literal["user", "vlft", "environment"] = "user"
    added: int = 0


class SwiftArgs:
    """All arguments of one ms-swift command (`swift sft`, `pt`, `rlhf`), resolved once.

    Sections, `swift:`, environment, what vlft adds, the defaults of the release and the values
    that ms-swift computes are merged, in this order. Nothing is computed before it is read, and
    `args["name"]` is the value of an argument.

    An argument has one value here. Where `SftArguments` and the trainer's own
    `training_args` differ, it is the trainer's (`eval_steps`), with these exceptions:

    - `warmup_ratio` stays as written, and `warmup_steps` is the warm-up in force: a number of
      steps, or a share of all steps below 1.
    - `deepspeed` and `fsdp` stay a preset's name or a file (`mapping` reads the file).

    Arguments that nothing in vlft reads and that ms-swift changes are unknown
    (`post_init.UNREAD`). An argument that the command does not have is None and not given.
    """

    def __init__(
        self,
        task: Subcommand,
        facts: Facts,
        model: ModelSpec,
        written: Mapping[str, Written],
        compute: Callable[[SwiftArgs, str, Value], Value],
    ) -> None:
        """See `vlft.resolve.swift_args.resolve_swift_args`.

        Args:
            task: The command.
            facts: What was read for the run.
            model: What it trains.
            written: What reaches the command line, by name of today.
            compute: Arguments, name, parsed or default value → the value after `__post_init__`;
                raises UnknownValueError where only the trainer knows it.
        """
        self.task = task
        self.facts = facts
        self.model = model
        self._legal = facts.swift.arguments[task]
        self._written = written
        self._compute = compute
        self._resolved: dict[str, tuple[Value, bool]] = {}

    # values ------------------------------------------------------------------------------------
    def __getitem__(self, name: str) -> Value:
        """An argument, by ms-swift's name of today.

        Raises:
            UnknownValueError: If it is unknown.
        """
        value, is_known = self._effective(name)
        if not is_known:
            raise UnknownValueError(name)
        return value

    def is_known(self, name: str) -> bool:
        """Whether an argument's value is certain; a known value may be None."""
        return self._effective(name)[1]

    def value(self, name: str) -> Value:
        """The untyped value; None also where it is unknown."""
        return self._effective(name)[0]

    def get(self, name: str, kind: type[Kind]) -> Kind | None:
        """One argument; None if it has no value, is unknown or not of this kind.

        Args:
            name: ms-swift's name of today.
            kind: bool, int, float or str. str fits every argument; an int reads as a float, and a
                float without a fraction as an int.
        """
        return _as_kind(self._effective(name)[0], kind)

    def flag(self, name: str) -> bool:
        """Whether this argument is certainly true."""
        return self._effective(name)[0] is True

    def is_off(self, name: str) -> bool:
        """Whether this argument is certainly false."""
        return self._effective(name)[0] is False

    def texts(self, name: str) -> tuple[str, ...]:
        """The items of a list, or the one value, as text; empty if there is none or unknown."""
        value = self.value(name)
        items = value if isinstance(value, tuple) else () if value is None else (value,)
        return tuple(as_text(item) for item in items)

    def numbers(self, name: str) -> tuple[float, ...]:
        """The items of a list of numbers; empty if there is none or unknown."""
        value = self.value(name)
        items = value if isinstance(value, tuple) else (value,)
        return tuple(number for item in items if (number := _as_kind(item, float)) is not None)

    def mapping(self, name: str) -> Mapping[str, object] | None:
        """A JSON argument: from YAML, from text, or from the file that the text names.

        Returns:
            Its keys; empty if there is no value, None if it is unknown or not a mapping.
        """
        value, is_known = self._effective(name)
        if isinstance(value, Mapping):
            return value
        if not value:
            return {} if is_known else None
        return parse_mapping(value) or _read_file(value) if isinstance(value, str) else None

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

    # what the user wrote -----------------------------------------------------------------------
    def given(self, name: str, kind: type[Kind]) -> Kind | None:
        """What the user wrote, parsed; None if the argument is absent or of another kind."""
        if not self.is_given(name) or len(self._written[name].texts) != 1:
            return None
        try:
            value = self.before(name)
        except UnknownValueError:
            value = self._written[name].texts[0]
        return _as_kind(value[0] if isinstance(value, tuple) else value, kind)

    def given_texts(self, name: str) -> tuple[str, ...]:
        """What the user wrote, as text; empty if the argument is absent."""
        if not self.is_given(name):
            return ()
        written = self._written[name]
        return written.texts[written.added :]

    def is_given(self, name: str) -> bool:
        """Whether the user wrote this argument, in a section or under `swift:`."""
        written = self._written.get(name)
        return written is not None and written.by == "user"

    def path(self, name: str) -> KeyPath:
        """The key that decides this argument, or on which it can be written."""
        written = self._written.get(name)
        return written.path if written and written.path else key_of(name)

    def written(self) -> Arguments:
        """What reaches the command line: name of today → its texts; without `output_dir`."""
        return {
            name: written.texts
            for name, written in self._written.items()
            if written.by != "environment"
        }

    def _effective(self, name: str) -> tuple[Value, bool]:
        """The value, and whether it is known."""
        if name not in self._resolved:
            try:
                value = self.before(name)
                if name in self._legal:
                    value = self._compute(self, name, value)
                self._resolved[name] = value, True
            except UnknownValueError:
                self._resolved[name] = None, False
        return self._resolved[name]


def _read_file(name: str) -> Mapping[str, object] | None:
    """The JSON file of that name, from where the trainer starts; None if there is none."""
    from vlft.files import load_json  # noqa: PLC0415 - few configs name a file

    try:
        return load_json(Path.cwd() / name)
    except (VlftError, ValueError):  # ValueError: a name that no file can have
        return None


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
