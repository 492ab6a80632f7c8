"""Flags that mean something only with others: rows of a file, a model and its type."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlft.importer.flags import NO_VALUE
from vlft.importer.shell.state import Text
from vlft.importer.spans import finding, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.importer.flags import Flag, Translated
    from vlft.importer.model_names import Published
    from vlft.importer.versions import Era
    from vlft.swift.release import Argument


def say_renamed(made: Translated, flag: Flag, name: str, text: str) -> None:
    """Adds the finding that a flag is written in another way today."""
    message = f"{shown(flag.written())} is `--{name} {text}`"[:160] + " now"
    made.findings.append(finding("import.renamed", "info", flag.spot, message))


def samples(made: Translated, given: Mapping[str, Flag]) -> None:
    """Numbers of rows, which stand behind the file's name today: `path#N`."""
    for name, target in (
        ("train_dataset_sample", "dataset"),
        ("val_dataset_sample", "val_dataset"),
    ):
        flag = given.get(name)
        if flag is None or name in made.flags:
            continue
        data = made.flags.get(target)
        if flag.value in ("-1", "0") and flag.why is None:
            made.drop(flag, "all rows are taken by default")
        elif data is None or len(data.values) != 1 or "#" in data.value or flag.why is not None:
            hint = "write it behind each file: `path#N`"
            made.drop(flag, "rows are counted file by file now", harmless=False, hint=hint)
        else:
            text = f"{data.value}#{flag.value}"
            values = (Text(text, data.why),)
            made.flags[target] = replace(data, values=values, comment=f"was --{name}")
            say_renamed(made, flag, target, text)
    flag = given.get("self_cognition_sample")
    if flag is not None and flag.value == "0":
        made.drop(flag, "no rows of it are the default")
    elif flag is not None:
        text = f"swift/self-cognition#{flag.value}"
        data = made.flags.get("dataset")
        together = (*(data.values if data else ()), Text(text, flag.why))
        made.flags["dataset"] = replace(data or flag, name="dataset", values=together)
        say_renamed(made, flag, "dataset", text)


def surplus(made: Translated, legal: Mapping[str, Argument]) -> None:
    """Words after the value of a flag that takes one: argparse leaves them over."""
    for name, flag in list(made.flags.items()):
        argument = legal.get(name)
        if argument is None or argument.many or len(flag.values) < 2:  # noqa: PLR2004
            continue
        made.flags[name] = replace(flag, values=flag.values[:1])
        for value in flag.values[1:]:
            why = f"`--{name}` takes one value, and ms-swift stops at a word of no flag"
            made.dropped.append((replace(flag, values=(value,)), why))
            message = f"{shown(value.text)} belongs to no flag: `--{name}` takes one value"
            made.findings.append(finding("import.stray", "warning", flag.spot, message))


def name_model_type(made: Translated, published: Published, era: Era) -> None:
    """`--model_type qwen2-vl-7b-instruct` of 2.x named a model; today it names a family."""
    flag = made.flags.get("model_type")
    if flag is None or flag.why is not None or published.is_type(flag.value):
        return
    found = published.find(flag.value)
    if found is None:
        if era.major == 2:  # noqa: PLR2004 - the release
            hint = "write the model's folder or hub id at `model.path`"
            why = "2.x's name of a model, which is not in today's registry"
            made.drop(made.flags.pop("model_type"), why, harmless="model" in made.flags, hint=hint)
        return
    del made.flags["model_type"]
    if "model" not in made.flags:
        note = f"was --model_type {flag.value}"
        model = replace(flag, name="model", values=(Text(found.hub_id),), comment=note)
        made.flags = {"model": model, **made.flags}
        say_renamed(made, flag, "model", found.hub_id)
        return
    note = f"was {flag.value}"
    made.flags["model_type"] = replace(flag, values=(Text(found.model_type),), comment=note)
    say_renamed(made, flag, "model_type", found.model_type)


def name_other_models(made: Translated, published: Published) -> None:
    """`--ref_model_type yi-6b-chat` of 2.x named a model as `--model_type` did."""
    for name, target in (("ref_model_type", "ref_model"), ("reward_model_type", "reward_model")):
        flag = made.flags.get(name)
        if flag is None or flag.why is not None or published.is_type(flag.value):
            continue
        found = published.find(flag.value)
        if found is None:
            hint = f"write the model's folder or hub id at `swift.{target}`"
            why = "2.x's name of a model, which is not in today's registry"
            made.drop(made.flags.pop(name), why, harmless=False, hint=hint)
            continue
        del made.flags[name]
        if target not in made.flags:
            note = f"was --{name} {flag.value}"
            values = (Text(found.hub_id),)
            made.flags[target] = replace(flag, name=target, values=values, comment=note)
            say_renamed(made, flag, target, found.hub_id)


def name_template(made: Translated, published: Published) -> None:
    """`--template_type qwen2-vl` of 2.x, as it is spelt today."""
    flag = made.flags.get("template")
    if flag is None or flag.why is not None or published.is_template(flag.value):
        return
    name = flag.value.replace("-", "_")
    if published.is_template(name):
        made.flags["template"] = replace(flag, values=(Text(name),), comment=f"was {flag.value}")
        say_renamed(made, flag, "template", name)


def valueless(made: Translated, legal: Mapping[str, Argument]) -> None:
    """A flag that takes a value and has none: ms-swift would stop at it."""
    for name, flag in list(made.flags.items()):
        argument = legal.get(name)
        if not flag.values and argument is not None and argument.type != "bool":
            made.flags[name] = replace(flag, values=(Text("", NO_VALUE),))
