"""What the sections of the config file are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from vlft.config.products import parse_product


class Section(BaseModel):
    """A mapping of the config file: unknown keys are refused, values are not coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


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

Count = Annotated[int, Field(ge=1)]
"""A whole number from 1."""
