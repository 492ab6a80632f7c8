"""What the sections of the config file are made of."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from vlft.environment import variable_set

_FACTOR: Final = re.compile(r"0|[1-9][0-9]{0,11}")
_BOUND: Final = 1 << 63  # a result must fit a signed 64-bit integer


def parse_product(text: str) -> int | None:
    """The value of non-negative integers joined by `*`; None if the text is anything else.

    One integer alone is a product of one factor. Spaces around factors are allowed; a sign,
    a leading zero, a separator (`1_000`), a factor of more than 12 digits or a result of 2**63
    and more is not.
    """
    result = 1
    is_zero = False
    for part in text.split("*"):
        factor = part.strip(" \t")
        if not _FACTOR.fullmatch(factor):
            return None
        if factor == "0":
            is_zero = True
        elif result < _BOUND:  # grows no further, however many factors follow
            result *= int(factor)
    if is_zero:
        return 0
    return result if result < _BOUND else None


OWNED_ARGUMENTS: Final = "x-arguments"
OWNED_VARIABLES: Final = "x-variables"
"""Where `key` notes what a key decides."""

_PLUGINS: Final = "PYDANTIC_DISABLE_PLUGINS"


class Section(BaseModel):
    """A mapping of the config file: unknown keys are refused, values are not coerced."""

    # Deferred: the whole config's validator is built once, and none for each section.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    def given(self) -> dict[str, Any]:
        """The keys that have a value."""
        return {name: value for name, value in self if value is not None}

    @classmethod
    def section_at(cls, key: str) -> type[Section] | None:
        """The section that a key holds; None for a key that holds a value, or is unknown."""
        field = cls.model_fields.get(key)
        kinds = () if field is None else (field.annotation, *get_args(field.annotation))
        plain = (kind for kind in kinds if not get_args(kind))  # 3.10: list[str] is a type too
        return next((k for k in plain if isinstance(k, type) and issubclass(k, Section)), None)

    @classmethod
    def complete(cls) -> None:
        """Builds the validator, without pydantic's look for plug-ins in every package."""
        with variable_set(_PLUGINS, "__all__"):
            cls.model_rebuild()


def _product(value: object) -> object:
    """`1024*28*28` → 802816; anything else is left to the type check."""
    if isinstance(value, str):
        number = parse_product(value)
        return value if number is None else number
    return value


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Product = Annotated[int, BeforeValidator(_product), Field(gt=0)]
"""A positive integer, or a product of integers such as `1024*28*28`."""

Texts = Annotated[list[str], BeforeValidator(_one_or_many)]
"""A list of strings; a single string is a list of one."""

Number = Annotated[float, Field(allow_inf_nan=False)]
"""A finite number."""

LARGEST = 2**63 - 1
"""The largest number that torch has an integer for."""

Count = Annotated[int, Field(ge=1, le=LARGEST)]
"""A whole number from 1."""

Processes = Annotated[int, Field(ge=1, le=65_536)]
"""A number of processes, devices or nodes."""


def key(
    default: Any = ...,
    *,
    description: str | None = None,
    argument: str | tuple[str, ...] = (),
    variable: str | tuple[str, ...] = (),
    **constraints: Any,
) -> Any:
    """A key that decides arguments of ms-swift or variables of its environment.

    This is the one place where they are tied together: `ownership` reads it from here.

    Args:
        default: Of the key; a key without one is required.
        description: For editors and the documentation.
        argument: Name on ms-swift's command line, or several.
        variable: Name in the trainer's environment, or several.
        **constraints: Further arguments of pydantic's Field.
    """
    arguments = (argument,) if isinstance(argument, str) else argument
    variables = (variable,) if isinstance(variable, str) else variable
    owned: dict[str, Any] = {OWNED_ARGUMENTS: [*arguments], OWNED_VARIABLES: [*variables]}
    return Field(default, description=description, json_schema_extra=owned, **constraints)
