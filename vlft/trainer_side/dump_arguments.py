"""Write down what the installed ms-swift accepts: its arguments, templates and models.

Run by the trainer's interpreter, never imported by vlft (it needs ms-swift):

    python dump_arguments.py

It prints one JSON document, `{"facts": {...}, "models": {...}}`. Two runs on the same packages give
the same bytes: nothing of the machine gets in. An error is one line on stderr and exit code 1.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import importlib
import importlib.util
import inspect
import json
import os
import sys
import typing
from pathlib import Path

if typing.TYPE_CHECKING:
    import argparse

FORMAT = 1
SUBCOMMANDS = {
    "sft": "SftArguments",
    "pt": "PretrainArguments",
    "rlhf": "RLHFArguments",
    "export": "ExportArguments",
    "infer": "InferArguments",
}
# ms-swift 3 has one class for both.
SUBCOMMANDS_OF_3 = {**SUBCOMMANDS, "sft": "TrainArguments", "pt": "TrainArguments"}
SCALARS = {bool: "bool", int: "int", float: "float", str: "str"}


def parser_of(arguments_class: type) -> argparse.ArgumentParser:
    """The parser that ms-swift itself would build; it reorders some type hints first."""
    from swift.utils import utils
    from transformers import HfArgumentParser

    patch = getattr(utils, "_patch_get_type_hints", contextlib.nullcontext)
    with patch():
        return HfArgumentParser([arguments_class])


def mentions(hint: object, wanted: type) -> bool:
    """Whether a type hint is, or contains, `wanted` (`dict` is in `dict[str, bool] | None`)."""
    if hint is wanted or typing.get_origin(hint) is wanted:
        return True
    return any(value is wanted or mentions(value, wanted) for value in typing.get_args(hint))


def allows_none(hint: object) -> bool:
    """Whether None is a value of the hint itself, not of something inside it."""
    return hint is None or any(value in (None, type(None)) for value in typing.get_args(hint))


def type_of(action: argparse.Action, hint: object) -> tuple[str, list[str] | None, bool]:
    """The type of one value, its choices, and whether a command line can carry it at all."""
    if action.choices is not None:
        values = [value for value in action.choices if value is not None]
        kinds = {type(value) for value in values}
        kind = SCALARS.get(kinds.pop(), "str") if len(kinds) == 1 else "str"
        return kind, [str(value) for value in values], True
    if getattr(action.type, "__name__", "") == "string_to_bool":
        return "bool", None, True
    if isinstance(action.type, type) and issubclass(action.type, enum.Enum):
        return "str", [str(member.value) for member in action.type], True
    if action.type in (int, float):
        return SCALARS[action.type], None, True
    if action.type is str or action.type is Path:
        return ("json" if mentions(hint, dict) else "str"), None, True
    # argparse calls the type with the text: `dict[str, bool]("{}")` fails for every text.
    return "json", None, False


def json_value(value: object) -> object:
    """The value where JSON has it, else None."""
    if isinstance(value, enum.Enum):
        return json_value(value.value)
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    if isinstance(value, dict):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, str) and Path(value).is_absolute():
        return None  # a folder of this machine
    return value if value is None or type(value) in SCALARS else None


def defining_class(arguments_class: type, name: str) -> str:
    """The first class on the method resolution order that declares the field."""
    for base in arguments_class.__mro__:
        if name in inspect.get_annotations(base):
            return f"{base.__module__}.{base.__qualname__}"
    return f"{arguments_class.__module__}.{arguments_class.__qualname__}"


def arguments_of(arguments_class: type) -> list[dict[str, object]]:
    """Every field as one flat object; what is false or absent is left out."""
    hints = typing.get_type_hints(arguments_class)
    actions: dict[str, argparse.Action] = {}
    for action in parser_of(arguments_class)._actions:  # noqa: SLF001  argparse has no other
        actions.setdefault(action.dest, action)  # a later one is the `--no_x` of a boolean
    found = []
    for field in dataclasses.fields(arguments_class):
        if field.name not in actions:
            continue  # not for the command line
        action = actions[field.name]
        kind, choices, settable = type_of(action, hints[field.name])
        spec: dict[str, object] = {"name": field.name, "type": kind}
        if action.nargs in ("+", "*"):
            spec["many"] = True
        if allows_none(hints[field.name]) or (action.default is None and not action.required):
            spec["optional"] = True
        if choices is not None:
            spec["choices"] = choices
        default = json_value(action.default)
        if default is not None:
            spec["default"] = default
        if not settable:
            spec["settable"] = False
        spec["defined_in"] = defining_class(arguments_class, field.name)
        found.append(spec)
    return found


def is_of_3() -> bool:
    """Whether it is ms-swift 3, where all of this lies in `swift.llm`."""
    return importlib.util.find_spec("swift.arguments") is None


def all_arguments() -> list[dict[str, object]]:
    """The arguments of all subcommands, sorted; those that are equal share a line."""
    of_3 = is_of_3()
    module = importlib.import_module("swift.llm" if of_3 else "swift.arguments")
    classes = SUBCOMMANDS_OF_3 if of_3 else SUBCOMMANDS
    merged: dict[str, dict[str, object]] = {}
    for subcommand, name in classes.items():
        for spec in arguments_of(getattr(module, name)):
            key = json.dumps(spec, sort_keys=True)
            shared = merged.setdefault(key, {**spec, "in": []})
            typing.cast("list[str]", shared["in"]).append(subcommand)
    return [merged[key] for key in sorted(merged, key=lambda key: (merged[key]["name"], key))]


def group_of(group: typing.Any) -> dict[str, object]:
    """One model group; an id that both hubs have is told once."""
    ids = [
        value
        for model in group.models
        for value in (model.ms_model_id, model.hf_model_id, model.model_path)
        if isinstance(value, str)
    ]
    spec: dict[str, object] = {"ids": list(dict.fromkeys(ids))}
    template = getattr(group, "template", None)  # ms-swift 3 has none of its own
    if template is not None:
        spec["template"] = template
    if group.requires:
        spec["requires"] = list(group.requires)
    return spec


def all_models() -> list[dict[str, object]]:
    """The model registry in the order of registration: the first match of a name wins."""
    module = importlib.import_module("swift.llm" if is_of_3() else "swift.model")
    found = []
    for model_type, meta in module.MODEL_MAPPING.items():
        spec: dict[str, object] = {"model_type": model_type}
        if meta.template is not None:
            spec["template"] = meta.template
        # A lookup that finds nothing makes ms-swift write "null" into empty lists.
        spec["architectures"] = [name for name in meta.architectures if name != "null"]
        if meta.is_multimodal:
            spec["is_multimodal"] = True
        if meta.requires:
            spec["requires"] = list(meta.requires)
        spec["groups"] = [group_of(group) for group in meta.model_groups]
        found.append(spec)
    return found


def dump() -> dict[str, object]:
    """The two halves: facts, and models."""
    import transformers
    from swift.version import __version__

    module = importlib.import_module("swift.llm" if is_of_3() else "swift.template")
    head = {"format": FORMAT, "ms_swift": __version__, "transformers": transformers.__version__}
    facts = {**head, "templates": sorted(module.TEMPLATE_MAPPING), "arguments": all_arguments()}
    return {"facts": facts, "models": {**head, "models": all_models()}}


@contextlib.contextmanager
def quiet_stdout() -> typing.Iterator[None]:
    """Send to stderr what packages print while they are imported, from C as well."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def main() -> int:
    """Print both halves; 0, or 1 where ms-swift can't be read."""
    try:
        with quiet_stdout():
            found = dump()
    except Exception as error:  # noqa: BLE001  whatever a foreign package raises at import
        reason = str(error).strip().splitlines() or [""]
        print(f"{type(error).__name__}: {reason[0]}", file=sys.stderr)
        return 1
    print(json.dumps(found, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
