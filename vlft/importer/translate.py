"""Flags of any release → flags of the installed one, and a note on each that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from vlft.importer.flags import NO_VALUE, Flag
from vlft.importer.releases import change_value
from vlft.importer.shell.state import Text
from vlft.importer.spans import shown
from vlft.security.secrets import cover
from vlft.swift.probe import old_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.importer.draft import Draft
    from vlft.swift.release import Argument


def say_renamed(draft: Draft, flag: Flag, name: str, text: str) -> None:
    """Adds the finding that a flag is written in another way today."""
    message = f"{shown(flag.written())} is `--{name} {text}`"[:160] + " now"
    draft.find("import.renamed", "info", flag.spot, message)


def samples(draft: Draft, given: Mapping[str, Flag]) -> None:
    """Numbers of rows, which stand behind the file's name today: `path#N`."""
    for name, target in (
        ("train_dataset_sample", "dataset"),
        ("val_dataset_sample", "val_dataset"),
    ):
        flag = given.get(name)
        if flag is None or name in draft.flags:
            continue
        data = draft.flags.get(target)
        if flag.value in ("-1", "0") and flag.why is None:
            draft.drop(flag, "all rows are taken by default")
        elif data is None or len(data.values) != 1 or "#" in data.value or flag.why is not None:
            hint = "write it behind each file: `path#N`"
            draft.drop(flag, "rows are counted file by file now", harmless=False, hint=hint)
        else:
            text = f"{data.value}#{flag.value}"
            values = (Text(text, data.why),)
            draft.flags[target] = replace(data, values=values, comment=f"was --{name}")
            say_renamed(draft, flag, target, text)
    flag = given.get("self_cognition_sample")
    if flag is not None and flag.value == "0":
        draft.drop(flag, "no rows of it are the default")
    elif flag is not None:
        text = f"swift/self-cognition#{flag.value}"
        data = draft.flags.get("dataset")
        together = (*(data.values if data else ()), Text(text, flag.why))
        draft.flags["dataset"] = replace(data or flag, name="dataset", values=together)
        say_renamed(draft, flag, "dataset", text)


def surplus(draft: Draft) -> None:
    """Words after the value of a flag that takes one: argparse leaves them over."""
    for name, flag in list(draft.flags.items()):
        argument = draft.legal.get(name)
        if argument is None or argument.many or len(flag.values) < 2:  # noqa: PLR2004
            continue
        draft.flags[name] = replace(flag, values=flag.values[:1])
        for value in flag.values[1:]:
            why = f"`--{name}` takes one value, and ms-swift stops at a word of no flag"
            draft.leave(replace(flag, values=(value,)), why)
            message = f"{shown(value.text)} belongs to no flag: `--{name}` takes one value"
            draft.find("import.stray", "warning", flag.spot, message)


def name_model_type(draft: Draft) -> None:
    """`--model_type qwen2-vl-7b-instruct` of 2.x named a model; today it names a family."""
    flag = draft.flags.get("model_type")
    if flag is None or flag.why is not None or draft.published.is_type(flag.value):
        return
    found = draft.published.find(flag.value)
    if found is None:
        if draft.era.major == 2:  # noqa: PLR2004 - the release
            hint = "write the model's folder or hub id at `model.path`"
            why = "2.x's name of a model, which is not in today's registry"
            named = "model" in draft.flags
            draft.drop(draft.flags.pop("model_type"), why, harmless=named, hint=hint)
        return
    del draft.flags["model_type"]
    if "model" not in draft.flags:
        note = f"was --model_type {flag.value}"
        model = replace(flag, name="model", values=(Text(found.hub_id),), comment=note)
        draft.flags = {"model": model, **draft.flags}
        say_renamed(draft, flag, "model", found.hub_id)
        return
    note = f"was {flag.value}"
    draft.flags["model_type"] = replace(flag, values=(Text(found.model_type),), comment=note)
    say_renamed(draft, flag, "model_type", found.model_type)


def name_other_models(draft: Draft) -> None:
    """`--ref_model_type yi-6b-chat` of 2.x named a model as `--model_type` did."""
    for name, target in (("ref_model_type", "ref_model"), ("reward_model_type", "reward_model")):
        flag = draft.flags.get(name)
        if flag is None or flag.why is not None or draft.published.is_type(flag.value):
            continue
        found = draft.published.find(flag.value)
        if found is None:
            hint = f"write the model's folder or hub id at `swift.{target}`"
            why = "2.x's name of a model, which is not in today's registry"
            draft.drop(draft.flags.pop(name), why, harmless=False, hint=hint)
            continue
        del draft.flags[name]
        if target not in draft.flags:
            note = f"was --{name} {flag.value}"
            values = (Text(found.hub_id),)
            draft.flags[target] = replace(flag, name=target, values=values, comment=note)
            say_renamed(draft, flag, target, found.hub_id)


def name_template(draft: Draft) -> None:
    """`--template_type qwen2-vl` of 2.x, as it is spelt today."""
    flag = draft.flags.get("template")
    if flag is None or flag.why is not None or draft.published.is_template(flag.value):
        return
    name = flag.value.replace("-", "_")
    if draft.published.is_template(name):
        draft.flags["template"] = replace(flag, values=(Text(name),), comment=f"was {flag.value}")
        say_renamed(draft, flag, "template", name)


def valueless(draft: Draft) -> None:
    """A flag that takes a value and has none: ms-swift would stop at it."""
    for name, flag in list(draft.flags.items()):
        argument = draft.legal.get(name)
        if not flag.values and argument is not None and argument.type != "bool":
            draft.flags[name] = replace(flag, values=(Text("", NO_VALUE),))


_DATA: Final = {
    "custom_train_dataset_path": "dataset",
    "custom_val_dataset_path": "val_dataset",
}
"""Flag → the one whose files it adds to."""

_LISTS: Final = frozenset(
    {"dataset", "val_dataset", *_DATA, "lora_target_modules", "target_modules"}
)
_NAMES_OF_1: Final = {"dataset_sample": "train_dataset_sample"}


def as_2_read_them(flags: Sequence[Flag]) -> list[Flag]:
    """One list for data sets and files, commas as its separators, names of 1.x.

    Args:
        flags: Of a command for 2.x.
    """
    made: list[Flag] = []
    for flag in flags:
        plain = flag.name.replace("-", "_")
        name = _NAMES_OF_1.get(plain, plain)
        values = _apart(flag.values) if name in _LISTS else flag.values
        made.append(replace(flag, name=name, values=values))
    last = {flag.name: flag for flag in made}
    for name, target in _DATA.items():
        if name in last and target in last:
            files, named = last[name], last[target]
            together = (*named.values, *files.values)
            made = [one for one in made if one.name != name]
            made[made.index(named)] = replace(named, values=together, comment=f"and --{name}")
    return made


def _apart(values: tuple[Text, ...]) -> tuple[Text, ...]:
    if len(values) != 1 or "," not in values[0].text or values[0].why is not None:
        return values
    return tuple(replace(values[0], text=text) for text in values[0].text.split(","))


_GONE: Final = {
    "check_dataset_strategy": "rows that can't be read are dropped, or stop the run: `strict`",
    "neftune_backend": "transformers does it",
    "test_oom_error": "`vlft plan` tells what fits",
    "gpu_memory_fraction": "nothing does it today",
    "model_layer_cls_name": "the model knows it",
    "do_sample": "sampling follows from `temperature`",
    "train_backend": "Megatron has commands of its own",
    "tp": "Megatron has commands of its own",
    "pp": "Megatron has commands of its own",
    "packing_cache": "the cache has its own place now",
}
_BOTH: Final = {"true", "yes", "t", "y", "1"}


def translate(draft: Draft, flags: Sequence[Flag]) -> None:
    """Names and values of earlier releases become those of the installed one.

    Args:
        draft: Takes them.
        flags: As given.
    """
    flags = [_masked(flag) for flag in flags]
    if draft.era.major == 2:  # noqa: PLR2004 - the release
        flags = as_2_read_them(flags)
    given = {flag.name.replace("-", "_"): flag for flag in flags}
    for flag in flags:
        plain = replace(flag, name=flag.name.replace("-", "_"))
        if draft.era.major == 2 and plain.name == "freeze_parameters":  # noqa: PLR2004 - the release
            _freeze(draft, plain)
        else:
            _one(draft, plain)
    samples(draft, given)
    surplus(draft)
    valueless(draft)
    name_model_type(draft)
    if draft.era.major == 2:  # noqa: PLR2004 - the release
        name_other_models(draft)
    name_template(draft)


def _masked(flag: Flag) -> Flag:
    """A flag without secrets in its values, before anything can show them."""
    name = flag.name.replace("-", "_")
    covered = [str(cover(name, value.text)) for value in flag.values]
    if covered == [value.text for value in flag.values]:
        return flag
    return replace(flag, values=tuple(map(Text, covered)))


def _one(draft: Draft, flag: Flag) -> None:
    name = flag.name
    positive = name.removeprefix("no_")
    if name not in draft.legal and positive != name and _is_bool(draft.legal.get(positive)):
        draft.put(replace(flag, name=positive, values=(Text("false"),), old=name))
        return
    if name in draft.legal:
        _changed(draft, flag, name)
        return
    if name == "use_loss_scale" and flag.value.lower() in _BOTH:
        note = "the loss scale for agents; its own file can be named too"
        draft.put(replace(flag, name="loss_scale", values=(Text("react"),), old=name, comment=note))
        say_renamed(draft, flag, "loss_scale", "react")
        return
    special = _SPECIAL.get(name)
    if special is not None:
        special(draft, flag)
        return
    old = old_name(draft.subcommand, name) or old_name("export", name)
    if old is not None and old.new is not None and old.new in draft.legal:
        _changed(draft, replace(flag, name=old.new, old=name), name)
    elif old is not None and old.new is None:
        draft.drop(
            flag, _GONE.get(name, f"ms-swift has no such argument {old.gone}"), harmless=False
        )
    else:
        _unknown(draft, flag)


def _changed(draft: Draft, flag: Flag, old: str) -> None:
    """Takes a flag over under its new name, with its value of today."""
    values: list[Text] = []
    why = ""
    for value in flag.values or (Text("true"),):
        change = change_value(flag.name, old, value.text) if value.why is None else None
        if change is None:
            values.append(value)
        else:
            why = change.why
            values += [Text(change.value)] if change.value is not None else []
    if not values and flag.values:
        draft.drop(flag, why)
        return
    text = " ".join(value.text for value in values)
    if flag.old is not None or tuple(values) != (flag.values or (Text("true"),)):
        say_renamed(draft, flag, flag.name, text)
        shown_old = flag.old or flag.name
        flag = replace(flag, values=tuple(values), comment=f"was --{shown_old} {flag.value}"[:90])
    draft.put(flag)


def _unknown(draft: Draft, flag: Flag) -> None:
    """A name that no release knows: the beginning of one, or a mistake that is kept."""
    longer = [name for name in draft.legal if name.startswith(flag.name)]
    if len(longer) == 1:
        _changed(draft, replace(flag, name=longer[0], old=flag.name), flag.name)
        return
    command = f"`swift {draft.subcommand}`"
    message = f"{command} of the installed ms-swift has no argument `--{flag.name}`"
    hint = "it is kept under `swift:`, where `vlft validate` says more"
    draft.find("import.unknown-argument", "warning", flag.spot, message, hint)
    draft.put(flag)


def _freeze(draft: Draft, flag: Flag) -> None:
    """`freeze_parameters 0.5` of 2.x was a share; today it is names."""
    try:
        float(flag.value)
    except ValueError:
        draft.put(flag)
        return
    _changed(draft, replace(flag, name="freeze_parameters_ratio", old=flag.name), flag.name)


def _strictness(draft: Draft, flag: Flag) -> None:
    if flag.value == "error":
        _changed(draft, replace(flag, name="strict", old=flag.name), flag.name)
    else:
        draft.drop(flag, _GONE[flag.name])


def _temperature(draft: Draft, flag: Flag) -> None:
    if flag.value.lower() in _BOTH:
        draft.drop(flag, _GONE[flag.name])
    else:
        _changed(draft, replace(flag, name="temperature", old=flag.name), flag.name)


def _later(draft: Draft, flag: Flag) -> None:
    """Minded once the data is known: `_samples`."""


def _shown_elsewhere(draft: Draft, flag: Flag) -> None:
    draft.drop(flag, "write it as a number of `lr_scheduler_kwargs`", harmless=False)


def _memory(draft: Draft, flag: Flag) -> None:
    hint = "a JSON object of device and size: `max_memory: {0: 20GiB}`"
    draft.drop(flag, "it was a list and is a mapping now", harmless=False, hint=hint)


_SPECIAL: Final = {
    "check_dataset_strategy": _strictness,
    "do_sample": _temperature,
    "train_dataset_sample": _later,
    "val_dataset_sample": _later,
    "self_cognition_sample": _later,
    "min_lr": _shown_elsewhere,
    "device_max_memory": _memory,
}


def _is_bool(argument: Argument | None) -> bool:
    return argument is not None and argument.type == "bool"
