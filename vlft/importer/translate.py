"""Flags of any release → flags of the installed one, and a note on each that changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vlft.importer.cross_flags import (
    name_model_type,
    name_other_models,
    name_template,
    samples,
    say_renamed,
    surplus,
    valueless,
)
from vlft.importer.flags import Translated
from vlft.importer.shell.state import Text
from vlft.importer.spans import finding
from vlft.importer.values import change_value
from vlft.security.secrets import cover
from vlft.swift.probe import old_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.importer.flags import Flag
    from vlft.importer.model_names import Published
    from vlft.importer.versions import Era
    from vlft.swift.release import Argument

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


def translate(
    subcommand: str,
    flags: Sequence[Flag],
    legal: Mapping[str, Argument],
    published: Published,
    era: Era,
) -> Translated:
    """Names and values of earlier releases become those of the installed one.

    Args:
        subcommand: `sft` and the like.
        flags: As given.
        legal: Arguments of the subcommand in the installed ms-swift.
        published: The registry's models.
        era: The release that the command is for.
    """
    made = Translated()
    flags = [_masked(flag) for flag in flags]
    if era.major == 2:  # noqa: PLR2004 - the release
        flags = as_2_read_them(flags)
    given = {flag.name.replace("-", "_"): flag for flag in flags}
    for flag in flags:
        plain = replace(flag, name=flag.name.replace("-", "_"))
        if era.major == 2 and plain.name == "freeze_parameters":  # noqa: PLR2004 - the release
            _freeze(made, plain)
        else:
            _one(made, plain, subcommand, legal)
    samples(made, given)
    surplus(made, legal)
    valueless(made, legal)
    name_model_type(made, published, era)
    if era.major == 2:  # noqa: PLR2004 - the release
        name_other_models(made, published)
    name_template(made, published)
    return made


def _masked(flag: Flag) -> Flag:
    """A flag without secrets in its values, before anything can show them."""
    name = flag.name.replace("-", "_")
    covered = [str(cover(name, value.text)) for value in flag.values]
    if covered == [value.text for value in flag.values]:
        return flag
    return replace(flag, values=tuple(map(Text, covered)))


def _one(made: Translated, flag: Flag, subcommand: str, legal: Mapping[str, Argument]) -> None:
    name = flag.name
    positive = name.removeprefix("no_")
    if name not in legal and positive != name and _is_bool(legal.get(positive)):
        made.put(replace(flag, name=positive, values=(Text("false"),), old=name))
        return
    if name in legal:
        _changed(made, flag, name)
        return
    if name == "use_loss_scale" and flag.value.lower() in _BOTH:
        note = "the loss scale for agents; its own file can be named too"
        made.put(replace(flag, name="loss_scale", values=(Text("react"),), old=name, comment=note))
        say_renamed(made, flag, "loss_scale", "react")
        return
    special = _SPECIAL.get(name)
    if special is not None:
        special(made, flag)
        return
    old = old_name(subcommand, name) or old_name("export", name)
    if old is not None and old.new is not None and old.new in legal:
        _changed(made, replace(flag, name=old.new, old=name), name)
    elif old is not None and old.new is None:
        made.drop(
            flag, _GONE.get(name, f"ms-swift has no such argument {old.gone}"), harmless=False
        )
    else:
        _unknown(made, flag, subcommand, legal)


def _changed(made: Translated, flag: Flag, old: str) -> None:
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
        made.drop(flag, why)
        return
    text = " ".join(value.text for value in values)
    if flag.old is not None or tuple(values) != (flag.values or (Text("true"),)):
        say_renamed(made, flag, flag.name, text)
        shown_old = flag.old or flag.name
        flag = replace(flag, values=tuple(values), comment=f"was --{shown_old} {flag.value}"[:90])
    made.put(flag)


def _unknown(made: Translated, flag: Flag, subcommand: str, legal: Mapping[str, Argument]) -> None:
    """A name that no release knows: the beginning of one, or a mistake that is kept."""
    longer = [name for name in legal if name.startswith(flag.name)]
    if len(longer) == 1:
        _changed(made, replace(flag, name=longer[0], old=flag.name), flag.name)
        return
    message = f"`swift {subcommand}` of the installed ms-swift has no argument `--{flag.name}`"
    hint = "it is kept under `swift:`, where `vlft validate` says more"
    made.findings.append(finding("import.unknown-argument", "warning", flag.spot, message, hint))
    made.put(flag)


def _freeze(made: Translated, flag: Flag) -> None:
    """`freeze_parameters 0.5` of 2.x was a share; today it is names."""
    try:
        float(flag.value)
    except ValueError:
        made.put(flag)
        return
    _changed(made, replace(flag, name="freeze_parameters_ratio", old=flag.name), flag.name)


def _strictness(made: Translated, flag: Flag) -> None:
    if flag.value == "error":
        _changed(made, replace(flag, name="strict", old=flag.name), flag.name)
    else:
        made.drop(flag, _GONE[flag.name])


def _temperature(made: Translated, flag: Flag) -> None:
    if flag.value.lower() in _BOTH:
        made.drop(flag, _GONE[flag.name])
    else:
        _changed(made, replace(flag, name="temperature", old=flag.name), flag.name)


def _later(made: Translated, flag: Flag) -> None:
    """Minded once the data is known: `_samples`."""


def _shown_elsewhere(made: Translated, flag: Flag) -> None:
    made.drop(flag, "write it as a number of `lr_scheduler_kwargs`", harmless=False)


def _memory(made: Translated, flag: Flag) -> None:
    hint = "a JSON object of device and size: `max_memory: {0: 20GiB}`"
    made.drop(flag, "it was a list and is a mapping now", harmless=False, hint=hint)


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
