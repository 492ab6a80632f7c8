"""An invocation in a script → one config, and the vlft command that does it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from vlft.importer.draft import Draft, Entry
from vlft.importer.flags import Flag, read_flags
from vlft.importer.launchers import TRAINING, Launch
from vlft.importer.releases import Era, Published, old_defaults, tell_era
from vlft.importer.settings import place_flags
from vlft.importer.shell.state import Text
from vlft.importer.spans import Spot, shown
from vlft.importer.surroundings import Surroundings, tell_surroundings
from vlft.importer.translate import translate
from vlft.models import family_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from vlft.importer.shell.interpreter import Invocation
    from vlft.swift.release import Subcommand, SwiftFacts


class Setting(Struct, frozen=True):
    """What an import goes by.

    Attributes:
        swift: The installed ms-swift.
        published: Its models.
        modern: Whether today's defaults are taken for those of an old release.
        major: The release that another command of the same script was written for.
    """

    swift: SwiftFacts
    published: Published
    modern: bool
    major: int | None = None


def era_of(launch: Launch, setting: Setting) -> Era:
    """The release that a command was written for, by its flags alone."""
    nowhere = Spot(None, 1, 1)
    flags = read_flags([(one.value, nowhere, one.is_one) for one in launch.fields]).flags
    subcommand: Subcommand = launch.subcommand  # type: ignore[assignment]
    legal = setting.swift.arguments[subcommand]
    return tell_era(subcommand, flags, legal, setting.published.types)


def import_command(
    invocation: Invocation,
    launch: Launch,
    setting: Setting,
    spot_of: Callable[[int], Spot],
    extra: tuple[Flag, ...] = (),
) -> Draft:
    """The config of one command.

    Args:
        invocation: The command.
        launch: The ms-swift subcommand in it.
        setting: What the import goes by.
        spot_of: From an offset to a place.
        extra: Flags that come before its own, from a config file of ms-swift.
    """
    here = spot_of(invocation.offset)
    read = read_flags([(one.value, spot_of(one.offset), one.is_one) for one in launch.fields])
    flags = [*extra, *read.flags]
    if launch.rlhf_type is not None:
        flags.insert(0, Flag("rlhf_type", (Text(launch.rlhf_type),), here))
    legal = setting.swift.arguments[launch.subcommand]  # type: ignore[index]
    era = tell_era(launch.subcommand, flags, legal, setting.published.types)
    of_3 = any(flag.name == "model" for flag in flags)  # 2.x has no such argument
    if setting.major is not None and 3 <= era.major > setting.major and era.told_by and not of_3:  # noqa: PLR2004
        era = Era(setting.major, era.told_by, splits=True)
    draft = Draft(launch.subcommand, legal, setting.published, era, spot_of)
    draft.head.append(f"Imported from `swift {launch.subcommand}`, {here}.")
    if era.major < 4:  # noqa: PLR2004 - the release
        told = ", ".join(dict.fromkeys(era.told_by[:3]))
        draft.head.append(f"It was written for ms-swift {era.major}: {told}.")
    translate(draft, flags)
    tell_surroundings(draft, invocation, launch, read)
    if launch.subcommand in TRAINING:
        _train(draft, invocation, launch, here, modern=setting.modern)
    else:
        place_tool(draft)
        Surroundings(draft, None).place(invocation, launch)
        processes = draft.entries.pop(("launch", "nproc_per_node"), None)
        if processes is not None and processes.values[0].text != "1":
            what = f"{processes.values[0].text} processes"
            draft.left_out.append(f"{what}: `vlft merge` and `vlft infer` start one")
    if not draft.entries:
        draft.entries["task",] = Entry((Text("sft"),), comment="nothing else is known of it")
    return draft


def _train(
    draft: Draft, invocation: Invocation, launch: Launch, here: Spot, *, modern: bool
) -> None:
    flags = draft.flags
    if launch.subcommand != "sft":
        draft.entries["task",] = Entry((Text(launch.subcommand),))
    model_type = _type_of(draft)
    _defaults(draft, here, model_type, modern=modern)
    variable = invocation.env.get("USE_HF")
    place_flags(draft, use_hf=variable.value.text if variable is not None else None)
    family = family_of(model_type) if model_type is not None else None
    Surroundings(draft, family).place(invocation, launch)
    for key, name, what in _NEEDED:
        if name not in flags:
            hint = f"write `{key}`: vlft needs it"
            draft.find("import.asked", "error", here, f"the command names no {what}", hint, key)
            draft.head.append(f"Missing: `{key}`, {what}.")
    bits, method = flags.get("quant_bits"), flags.get("quant_method")
    if bits is not None and method is None and draft.era.major == 2 and not modern:  # noqa: PLR2004 - the release
        comment = "2.x chose it for 4 and 8 bits"
        draft.entries["quant", "method"] = Entry((Text("bnb"),), comment=comment)
    elif bits is not None and method is None:
        message = "`--quant_bits` without `--quant_method` quantises nothing, silently"
        hint = "write `quant.method: bnb`, or leave `quant:` out"
        draft.find("import.asked", "error", bits.spot, message, hint, "quant.method")
    elif method is not None and bits is None:
        message = "`--quant_method` without `--quant_bits`"
        draft.find(
            "import.asked", "error", method.spot, message, "write `quant.bits`", "quant.bits"
        )


_NEEDED = (
    ("model.path", "model", "model to start from"),
    ("data.train", "dataset", "data to train on"),
)


def _defaults(draft: Draft, here: Spot, model_type: str | None, *, modern: bool) -> None:
    """Writes out what an absent flag meant in the command's own release."""
    era = draft.era
    multimodal = draft.published.is_multimodal(model_type)
    for one in old_defaults(draft.subcommand, era, draft.flags, multimodal=multimodal):
        if one.name not in draft.legal:
            continue
        message = f"an absent `--{one.name}` meant {one.value}, and means {one.now} today"
        if modern:
            message += ": the run changes"
            hint = "--modern takes today's"
        else:
            comment = f"{era.major}.x's default; today: {one.now}"
            draft.flags[one.name] = Flag(one.name, (Text(one.value),), here, None, comment)
            hint = "import with --modern to take today's default"
        draft.find("import.old-default", "warning" if modern else "info", here, message, hint)
    given = {"val_dataset", "split_dataset_ratio", "streaming"} & set(draft.flags)
    if era.splits is None and not given:
        message = "ms-swift before 3.6 split one row in a hundred off for validation"
        hint = "write `data.val: 0.01` if the command was made for such a release"
        draft.find("import.old-default", "info", here, message, hint)
        draft.head.append(f"{message[0].upper()}{message[1:]}: {hint}.")


def _type_of(draft: Draft) -> str | None:
    """The model_type that the command names, or that its model has; None if it has no one."""
    told = draft.flags.get("model_type")
    if told is not None:
        return told.value
    model = draft.flags.get("model")
    return draft.published.type_of(model.value) if model is not None else None


_OTHER_EXPORTS: Final = (
    "to_cached_dataset", "to_ollama", "push_to_hub", "to_mcore", "to_megatron", "to_hf",
    "to_peft_format",
)  # fmt: skip
"""What else `swift export` does."""

_WEIGHTS: Final = ("adapters", "ckpt_dir", "resume_from_checkpoint", "model")


def place_tool(draft: Draft) -> None:
    """Writes the vlft command above the config, and says of each flag where it went."""
    flags, subcommand = draft.flags, draft.subcommand
    target = next((flags[name] for name in _WEIGHTS if name in flags), None)
    used: dict[str, str] = {}
    words = ["vlft", "merge" if subcommand == "export" else "infer"]
    if target is not None:
        words.append(target.value)
        used[target.name] = "the command above"
    if subcommand == "export":
        _export(words, used, draft)
    else:
        _infer(words, used, flags)
    other = next((name for name in _OTHER_EXPORTS if _is_on(flags.get(name))), None)
    if other is None:
        draft.head += ["", "vlft does it with:", f"  {shlex.join(words)}", ""]
    else:
        used.clear()
        message = f"vlft has no command for `swift export --{other}`"
        spot = flags[other].spot
        hint = "type it as before"
        draft.find("import.other-command", "warning", spot, message, hint)
        draft.head.append(f"{message}: {hint}.")
    model = flags.get("model")
    if model is not None:
        draft.entries["model", "path"] = Entry((Text(model.value, model.why),), "text")
        used.setdefault("model", "model.path")
    for name, flag in flags.items():
        if flag.is_secret:
            draft.drop_secret(flag)
        elif name not in used:
            draft.drop(flag, _ELSEWHERE.get(name, f"`vlft {words[1]}` has no such option"))
        if flag.why is not None:
            message = (
                f"{shown(flag.written())} can't be known without running the shell: {flag.why}"
            )
            hint = "write its value into the command"
            draft.find("import.asked", "error", flag.spot, message, hint)
    draft.left_out += [f"{flags[name].written()}: in {where}" for name, where in used.items()]


_ELSEWHERE: Final = {
    "model_type": "it is read from the checkpoint",
    "template": "it is read from the run's record",
    "load_data_args": "the run's record names its data: give --data",
    "stream": "answers are printed as a whole",
    "torch_dtype": "the checkpoint's own is taken",
}


def _is_on(flag: Flag | None) -> bool:
    return flag is not None and flag.value.lower() in ("true", "1", "yes")


def _export(words: list[str], used: dict[str, str], draft: Draft) -> None:
    flags = draft.flags
    if "merge_lora" in flags:
        used["merge_lora"] = "the command above"
    bits, method = flags.get("quant_bits"), flags.get("quant_method")
    for name, option in (("quant_bits", "--quant-bits"), ("quant_method", "--quant-method"),
                         ("output_dir", "--output")):  # fmt: skip
        if name in flags:
            words += [option, flags[name].value]
            used[name] = "the command above"
    if bits is not None and method is None:
        _without_method(words, draft, bits)
    if draft.era.major == 2 and "adapters" in flags:  # noqa: PLR2004 - the release
        message = (
            "a checkpoint of 2.x has sft_args.json, which ms-swift 4 does not read: it does not "
            "know the base model, the template and the system prompt"
        )
        hint = "train again, or give `--model BASE` to `swift export` by hand"
        draft.find("import.old-checkpoint", "warning", flags["adapters"].spot, message, hint)
    if "merge_lora" in flags and bits is not None:
        message = (
            "merging and quantising in one command takes a merged folder that is there already"
        )
        hint = "vlft merges anew and verifies it, then quantises what it has merged"
        draft.find("import.stale-merge", "info", flags["merge_lora"].spot, message, hint)


def _without_method(words: list[str], draft: Draft, bits: Flag) -> None:
    message = f"`--quant_bits {bits.value}` without `--quant_method`: ms-swift asks for one now"
    if draft.era.major == 2:  # noqa: PLR2004 - the release
        message += "; 2.x took awq, which has 4 bits only"
    if bits.value == "8":
        hint = "vlft takes bnb, which needs no data; gptq needs `--dataset`"
        words += ["--quant-method", "bnb"]
    else:
        hint = "write `--quant-method`: bnb needs no data; gptq and awq do"
    draft.find("import.quant-method", "warning", bits.spot, message, hint)


def _infer(words: list[str], used: dict[str, str], flags: dict[str, Flag]) -> None:
    data = flags.get("val_dataset")
    if data is not None:
        words += ["--data", data.value]
        used["val_dataset"] = "the command above"
    else:
        words.append("QUESTION")
    if "max_new_tokens" in flags:
        words += ["--max-new-tokens", flags["max_new_tokens"].value]
        used["max_new_tokens"] = "the command above"
    if "max_batch_size" in flags:
        words += ["--batch-size", flags["max_batch_size"].value]
        used["max_batch_size"] = "the command above"
