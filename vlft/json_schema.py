"""The config as a JSON Schema: an editor completes and checks keys by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue  # noqa: TID253 - only `vlft schema`

from vlft.config.schema import (
    ARGUMENTS,
    ENVIRONMENT,
    NODE_ENVIRONMENT,
    OWNED_ARGUMENTS,
    OWNED_VARIABLES,
    RESERVED,
    Config,
    Section,
    config_with,
)
from vlft.engines import section_names, section_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import core_schema

    from vlft.swift.release import Argument

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_NULL: Final = {"type": "null"}
_SCALAR: Final = ["string", "number", "boolean", "null"]
_TYPES: Final[dict[str, dict[str, Any]]] = {
    "bool": {"type": "boolean"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "str": {"type": ["string", "number", "boolean", "object"]},
    "json": {},
}
_PRODUCT: Final = {"type": "string", "pattern": r"^[1-9][0-9]*( *\* *[1-9][0-9]*)*$"}


def config_schema(arguments: Mapping[str, Argument], version: str) -> dict[str, Any]:
    """The schema of a config file.

    Every key may be null: an empty value is one that is not there, and null removes an
    inherited key. With `extends`, what must be there may be in a base.

    Args:
        arguments: Those of ms-swift's subcommand, by name.
        version: Of ms-swift.
    """
    schema = config_with(section_names()).model_json_schema(schema_generator=_Generator)
    _describe(schema, arguments)
    parts = [schema, *schema["$defs"].values()]
    required = {part["title"]: part.pop("required", []) for part in parts}
    properties = schema["properties"]
    texts = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    properties["extends"] = {
        "description": "Config files that this one is laid over.",
        "anyOf": [{"type": "string"}, texts],
    }
    properties["swift"] = _swift(arguments, version)
    owned = sorted({*ENVIRONMENT, *NODE_ENVIRONMENT})
    properties["env"] |= {
        "additionalProperties": {"type": _SCALAR},
        "propertyNames": {"not": {"enum": owned}},
    }
    for part in parts:
        part["properties"] = {
            name: _or_null(value) for name, value in sorted(part["properties"].items())
        }
    return {
        "$schema": DRAFT,
        **schema,
        "if": {"required": ["extends"]},
        "else": {
            "required": required[Config.__name__],
            "properties": {
                name: {"required": required[section]}
                for name, section in (("model", "Model"), ("data", "Data"), ("quant", "Quant"))
            },
            "allOf": list(_engine_sections(required)),
        },
    }


def _engine_sections(required: Mapping[str, list[str]]) -> Iterator[dict[str, Any]]:
    """Which of the engines' sections is there: `launch.engine` discriminates between them."""
    for name in section_names():
        engine = {"required": ["engine"], "properties": {"engine": {"const": name}}}
        chosen = {"required": ["launch"], "properties": {"launch": {"type": "object", **engine}}}
        given = {"required": [name], "properties": {name: {"type": "object"}}}
        yield {"if": given, "then": chosen}
        keys = required[section_of(name).__name__]
        if keys:
            section = {"type": "object", "required": keys}
            needed = {"required": [name], "properties": {name: section}}
            yield {"if": chosen, "then": needed}


class _Generator(GenerateJsonSchema):
    """Knows what the sections accept beside their types, and adds no titles to fields."""

    def function_before_schema(
        self, schema: core_schema.BeforeValidatorFunctionSchema
    ) -> JsonSchemaValue:
        """A product may be text; a list of texts may be a single one."""
        inner = super().function_before_schema(schema)
        name = getattr(schema["function"]["function"], "__name__", "")
        if name == "_product":
            return {"anyOf": [inner | {"exclusiveMinimum": 0}, _PRODUCT]}
        assert name == "_one_or_many"  # noqa: S101 - fields.py has no third
        return {"anyOf": [inner, {"type": "string"}]}

    def encode_default(self, dft: Any) -> Any:
        """A section's default is an empty map; pydantic 2.13.0 and older can't encode a section."""
        return {} if isinstance(dft, Section) else super().encode_default(dft)

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        """The key is the title."""
        return False


def _describe(schema: dict[str, Any], arguments: Mapping[str, Argument]) -> None:
    """Adds to each key what ms-swift knows of the argument that it stands for."""
    for part in (schema, *schema["$defs"].values()):
        for field in part["properties"].values():
            owned = field.pop(OWNED_ARGUMENTS, [])
            flags = [f"--{name}{_default(arguments[name])}" for name in owned if name in arguments]
            words = [field.get("description"), *flags, *field.pop(OWNED_VARIABLES, [])]
            if any(words):
                field["description"] = " ".join(filter(None, words))


def _swift(arguments: Mapping[str, Argument], version: str) -> dict[str, Any]:
    """The section of all arguments that no other section owns."""
    return {
        "description": f"Any other argument of ms-swift {version}, by its name.",
        "type": "object",
        "default": {},
        "properties": {
            name: _or_null(_argument(argument))
            for name, argument in sorted(arguments.items())
            if name not in ARGUMENTS and name not in RESERVED and argument.settable
        },
        "additionalProperties": False,
    }


def _argument(argument: Argument) -> dict[str, Any]:
    value = dict(_TYPES[argument.type])
    if argument.choices is not None:
        value = {"enum": [form for text in argument.choices for form in _forms(text)]}
    if argument.many:
        value = {"anyOf": [value, {"type": "array", "items": value, "minItems": 1}]}
    where = argument.defined_in
    described = {"description": f"--{argument.name} ({where})", **value}
    if argument.default is not None:
        described["default"] = argument.default
    return described


def _forms(text: str) -> list[object]:
    """A choice as text, and as the YAML value that is written alike."""
    if text in {"True", "False"}:
        return [text, text == "True"]
    return [text, int(text)] if text.isdecimal() else [text]


def _default(argument: Argument) -> str:
    if argument.default is None:
        return ""
    text = str(argument.default)
    return f"; ms-swift's default: {text.lower() if isinstance(argument.default, bool) else text}"


def _or_null(value: dict[str, Any]) -> dict[str, Any]:
    """The same, or nothing."""
    if "anyOf" in value:
        # Pydantic has no JSON Schema for a bound on text or number alike; the number's is there.
        value["anyOf"] = [
            {key: inner for key, inner in member.items() if key != "gt"}
            for member in value["anyOf"]
        ]
    kind = value.get("type")
    if "enum" in value:
        value = value | {"enum": list(dict.fromkeys([*value["enum"], None]))}
    if isinstance(kind, str):
        return value | {"type": [kind, "null"]} if kind != "null" else value
    if isinstance(kind, list):
        return value | {"type": list(dict.fromkeys([*kind, "null"]))}
    if "anyOf" in value:
        return value | {"anyOf": [*(v for v in value["anyOf"] if v != _NULL), _NULL]}
    if "$ref" in value:
        rest = {key: inner for key, inner in value.items() if key != "$ref"}
        return rest | {"anyOf": [{"$ref": value["$ref"]}, _NULL]}
    return value
