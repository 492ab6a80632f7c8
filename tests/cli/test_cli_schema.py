"""`vlft schema`: what an editor knows of a config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vlft.config.schema import ARGUMENTS, ENVIRONMENT, RESERVED, Config
from vlft.config.source import parse
from vlft.engines import section_names
from vlft.json_schema import config_schema
from vlft.swift.probe import read_swift

ROOT = Path(__file__).parents[2]
JSON = dict[str, Any]


@pytest.fixture(scope="module")
def schema() -> JSON:
    swift = read_swift(None)
    return config_schema(swift.arguments["sft"], swift.version)


def at(schema: JSON, key: str) -> JSON:
    """The schema of a key, with references followed."""
    found = schema
    for part in key.split("."):
        while "properties" not in found:
            (reference,) = [m["$ref"] for m in found["anyOf"] if "$ref" in m]
            found = schema["$defs"][reference.rpartition("/")[2]]
        found = found["properties"][part]
    return found


def test_it_is_printed(vlft: Any) -> None:
    done = vlft("schema")
    assert (done.code, done.err) == (0, "")
    printed = json.loads(done.out)
    assert printed["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    rlhf = json.loads(vlft("schema", "--task", "rlhf").out)["properties"]["swift"]["properties"]
    assert "beta" in rlhf
    assert "beta" not in printed["properties"]["swift"]["properties"]


def test_it_has_the_keys_of_the_sections_and_refuses_others(schema: JSON) -> None:
    assert set(schema["properties"]) == {*Config.model_fields, *section_names(), "extends"}
    assert schema["additionalProperties"] is False
    assert all(part["additionalProperties"] is False for part in schema["$defs"].values())
    for key in [*ARGUMENTS.values(), *ENVIRONMENT.values()]:
        assert at(schema, key)["description"], key


def test_it_has_defaults_and_choices(schema: JSON) -> None:
    assert at(schema, "task")["default"] == "sft"
    assert at(schema, "task")["enum"] == ["sft", "pt", "rlhf", None]
    assert at(schema, "tuner")["default"] == "lora"
    assert "bfloat16" in str(at(schema, "model.torch_dtype"))
    assert "ms-swift's default" in at(schema, "train.save_steps")["description"]


def test_the_swift_section_is_that_of_the_installed_one(schema: JSON) -> None:
    swift = at(schema, "swift")
    arguments = read_swift(None).arguments["sft"]
    usable = {name for name, argument in arguments.items() if argument.settable}
    assert set(swift["properties"]) == usable - set(ARGUMENTS) - set(RESERVED)
    assert swift["additionalProperties"] is False
    assert swift["properties"]["logging_steps"]["default"] == arguments["logging_steps"].default
    assert None in swift["properties"]["truncation_strategy"]["enum"]
    assert all(value["description"] for value in swift["properties"].values())


def test_what_may_be_in_a_base_is_not_required_with_extends(schema: JSON) -> None:
    assert "required" not in schema
    assert not any("required" in part for part in schema["$defs"].values())
    assert schema["if"] == {"required": ["extends"]}
    assert schema["else"]["required"] == ["model", "data"]
    assert schema["else"]["properties"]["model"] == {"required": ["path"]}


def test_every_key_can_be_empty_and_texts_stand_for_products(schema: JSON) -> None:
    for key, value, legal in [
        ("pixels.max", "1024*28*28", True),
        ("pixels.max", 802816, True),
        ("pixels.max", "1024x28", False),
        ("pixels.max", 0, False),
        ("data.train", "a.jsonl", True),
        ("data.train", [], False),
        ("data.val", 0.01, True),
        ("data.val", 2, False),
        ("model.path", None, True),
        ("launch.gpus", "auto", True),
        ("launch.gpus", [0, 1], True),
        ("launch.gpus", "all", False),
        ("train", None, True),
        ("train.learning_rate", 1e-4, True),
        ("train.learning_rate", "fast", False),
        ("extends", ["a.yaml"], True),
        ("swift.report_to", ["none"], True),
        ("swift.report_to", "none", True),
        ("swift.truncation_strategy", "delete", True),
        ("swift.truncation_strategy", "off", False),
        ("swift.logging_steps", "many", False),
        ("env.HF_HOME", 1, True),
        ("env.MAX_PIXELS", 1, False),
        ("env.A", [], False),
    ]:
        head, _, name = key.partition(".")
        whole = {head: {name: value}} if name else {head: value}
        assert accepts(schema, schema["properties"][head], whole[head]) is legal, (key, value)


@pytest.mark.parametrize(
    ("extra", "fits"),
    [
        ({}, True),
        ({"slurm": {"time": 60}}, False),
        ({"slurm": None}, True),
        ({"slurm": {"time": 60}, "launch": {"engine": "slurm"}}, True),
        ({"slurm": {"tim": 60}, "launch": {"engine": "slurm"}}, False),
        ({"launch": {"engine": "slurm"}}, True),
        ({"launch": {"engine": "kubernetes"}}, False),
        ({"launch": {"engine": "kubernetes"}, "kubernetes": {"namespace": "a"}}, False),
        ({"launch": {"engine": "kubernetes"}, "kubernetes": {"image": "a"}}, True),
        ({"launch": {"engine": "kubernetes"}, "slurm": {}, "kubernetes": {"image": "a"}}, False),
        ({"launch": {"engine": "kubernetes"}, "extends": "base.yaml"}, True),
        ({"slurm": {"time": 60}, "extends": "base.yaml"}, True),
    ],
)
def test_the_engine_says_which_section_there_is(schema: JSON, extra: JSON, fits: bool) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    config = {"model": {"path": "a"}, "data": {"train": ["a.jsonl"]}, **extra}
    assert jsonschema.Draft202012Validator(schema).is_valid(config) is fits


def test_the_shipped_recipes_fit(schema: JSON) -> None:
    for file in (ROOT / "configs").rglob("*.yaml"):
        source, _ = parse(file.read_text(), file.name)
        assert source is not None
        for key, value in source.data.items():
            assert accepts(schema, schema["properties"][key], value), (file.name, key)


def accepts(root: JSON, schema: JSON, value: Any) -> bool:  # noqa: PLR0911
    """A validator of the words that the schema uses."""
    if "$ref" in schema:
        return accepts(root, root["$defs"][schema["$ref"].rpartition("/")[2]], value)
    if "anyOf" in schema:
        return any(accepts(root, member, value) for member in schema["anyOf"])
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "type" in schema and not any(is_type(value, kind) for kind in listed(schema["type"])):
        return False
    if isinstance(value, list):
        items = schema.get("items", {})
        return len(value) >= schema.get("minItems", 0) and all(
            accepts(root, items, item) for item in value
        )
    if isinstance(value, dict):
        refused = schema.get("propertyNames", {"not": {"enum": []}})["not"]["enum"]
        other = schema.get("additionalProperties", {})
        known = schema.get("properties", {})
        return all(
            name not in refused
            and (
                accepts(root, known[name], inner)
                if name in known
                else other is not False and accepts(root, other, inner)
            )
            for name, inner in value.items()
        )
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return (
            value >= schema.get("minimum", value)
            and value > schema.get("exclusiveMinimum", value - 1)
            and value < schema.get("exclusiveMaximum", value + 1)
        )
    if isinstance(value, str) and "pattern" in schema:
        import re

        return re.search(schema["pattern"], value) is not None
    return True


def listed(kind: str | list[str]) -> list[str]:
    return [kind] if isinstance(kind, str) else kind


def is_type(value: Any, kind: str) -> bool:
    types: dict[str, Any] = {
        "null": type(None),
        "boolean": bool,
        "string": str,
        "array": list,
        "object": dict,
        "integer": int,
        "number": (int, float),
    }
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, types[kind])
