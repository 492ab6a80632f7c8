"""An invocation in a script → one config, for a command that trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.importer.context_notes import tell_surroundings
from vlft.importer.draft import Draft, Entry, Imported
from vlft.importer.flags import Flag, read_flags
from vlft.importer.launchers import TRAINING, Launch
from vlft.importer.settings import place_flags
from vlft.importer.shell.state import Text
from vlft.importer.spans import Spot, finding
from vlft.importer.surroundings import Surroundings
from vlft.importer.tools import place_tool
from vlft.importer.translate import translate
from vlft.importer.versions import Era, old_defaults, tell_era
from vlft.models import family_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from vlft.importer.flags import Translated
    from vlft.importer.model_names import Published
    from vlft.importer.shell.interpreter import Invocation
    from vlft.models import Family
    from vlft.swift.release import Subcommand, SwiftFacts


@dataclass(frozen=True)
class Setting:
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
) -> Imported:
    """The config of one command.

    Args:
        invocation: The command.
        launch: The ms-swift subcommand in it.
        setting: What the import goes by.
        spot_of: From an offset to a place.
        extra: Flags that come before its own, from a config file of ms-swift.
    """
    words = [(one.value, spot_of(one.offset), one.is_one) for one in launch.fields]
    read = read_flags(words)
    flags = [*extra, *read.flags]
    if launch.rlhf_type is not None:
        here = spot_of(invocation.offset)
        flags.insert(0, Flag("rlhf_type", (Text(launch.rlhf_type),), here))
    here = spot_of(invocation.offset)
    subcommand: Subcommand = launch.subcommand  # type: ignore[assignment]
    legal = setting.swift.arguments[subcommand]
    era = tell_era(subcommand, flags, legal, setting.published.types)
    of_3 = any(flag.name == "model" for flag in flags)  # 2.x has no such argument
    if setting.major is not None and 3 <= era.major > setting.major and era.told_by and not of_3:  # noqa: PLR2004
        era = Era(setting.major, era.told_by, splits=True)
    translated = translate(subcommand, flags, legal, setting.published, era)
    imported = Imported(Draft())
    draft = imported.draft
    draft.head.append(f"Imported from `swift {launch.subcommand}`, {here}.")
    if era.major < 4:  # noqa: PLR2004 - the release
        told = ", ".join(dict.fromkeys(era.told_by[:3]))
        draft.head.append(f"It was written for ms-swift {era.major}: {told}.")
    tell_surroundings(imported, invocation, launch, read, spot_of)
    if launch.subcommand in TRAINING:
        _train(imported, invocation, launch, translated, era, setting, spot_of)
    else:
        surroundings = Surroundings(draft, spot_of, None)
        place_tool(imported.draft, launch.subcommand, translated, era)
        surroundings.place(invocation.env, launch, invocation.offset)
        imported.findings += surroundings.findings
        processes = draft.entries.pop(("launch", "nproc_per_node"), None)
        if processes is not None and processes.values[0].text != "1":
            what = f"{processes.values[0].text} processes"
            draft.left_out.append(f"{what}: `vlft merge` and `vlft infer` start one")
    imported.findings += translated.findings
    draft.left_out[:0] = [
        f"{flag.written()} ({flag.spot}): {why}" for flag, why in translated.dropped
    ]
    if not draft.entries:
        draft.entries["task",] = Entry((Text("sft"),), comment="nothing else is known of it")
    return imported


def _train(
    imported: Imported,
    invocation: Invocation,
    launch: Launch,
    translated: Translated,
    era: Era,
    setting: Setting,
    spot_of: Callable[[int], Spot],
) -> None:
    draft, here = imported.draft, spot_of(invocation.offset)
    legal = setting.swift.arguments[launch.subcommand]  # type: ignore[index]
    if launch.subcommand != "sft":
        draft.entries["task",] = Entry((Text(launch.subcommand),))
    _defaults(imported, launch.subcommand, era, translated, setting, here)
    variable = invocation.env.get("USE_HF")
    use_hf = variable.value.text if variable is not None else None
    place_flags(draft, translated, legal, setting.published, use_hf=use_hf)
    family = _family(translated, setting.published)
    surroundings = Surroundings(draft, spot_of, family)
    surroundings.place(invocation.env, launch, invocation.offset)
    imported.findings += surroundings.findings
    for key, flags, what in _NEEDED:
        if not any(name in translated.flags for name in flags):
            message = f"the command names no {what}"
            hint = f"write `{key}`: vlft needs it"
            imported.findings.append(finding("import.asked", "error", here, message, hint, key))
            draft.head.append(f"Missing: `{key}`, {what}.")
    if "quant_method" not in translated.flags and "quant_bits" in translated.flags:
        _quant_method(imported, era, setting, translated)
    if "quant_bits" not in translated.flags and "quant_method" in translated.flags:
        spot = translated.flags["quant_method"].spot
        message = "`--quant_method` without `--quant_bits`"
        imported.findings.append(
            finding("import.asked", "error", spot, message, "write `quant.bits`", "quant.bits")
        )


_NEEDED = (
    ("model.path", ("model",), "model to start from"),
    ("data.train", ("dataset",), "data to train on"),
)


def _quant_method(imported: Imported, era: Era, setting: Setting, translated: Translated) -> None:
    """2.x chose bitsandbytes by itself; since 3 the bits alone do nothing."""
    spot = translated.flags["quant_bits"].spot
    if era.major == 2 and not setting.modern:  # noqa: PLR2004 - the release
        imported.draft.entries["quant", "method"] = Entry(
            (Text("bnb"),), comment="2.x chose it for 4 and 8 bits"
        )
        return
    message = "`--quant_bits` without `--quant_method` quantises nothing, silently"
    hint = "write `quant.method: bnb`, or leave `quant:` out"
    imported.findings.append(finding("import.asked", "error", spot, message, hint, "quant.method"))


def _defaults(
    imported: Imported,
    subcommand: str,
    era: Era,
    translated: Translated,
    setting: Setting,
    here: Spot,
) -> None:
    """Writes out what an absent flag meant in the command's own release."""
    multimodal = setting.published.is_multimodal(_type_of(translated, setting.published))
    defaults = old_defaults(subcommand, era, translated.flags, multimodal=multimodal)
    legal = setting.swift.arguments[subcommand]  # type: ignore[index]
    for one in defaults:
        if one.name not in legal:
            continue
        message = f"an absent `--{one.name}` meant {one.value}, and means {one.now} today"
        if setting.modern:
            hint = "--modern takes today's"
            message += ": the run changes"
            severity = "warning"
        else:
            comment = f"{era.major}.x's default; today: {one.now}"
            translated.flags[one.name] = Flag(one.name, (Text(one.value),), here, None, comment)
            hint, severity = "import with --modern to take today's default", "info"
        imported.findings.append(
            finding("import.old-default", severity, here, message, hint)  # type: ignore[arg-type]
        )
    if era.splits is None and not {"val_dataset", "split_dataset_ratio", "streaming"} & set(
        translated.flags
    ):
        message = "ms-swift before 3.6 split one row in a hundred off for validation"
        hint = "write `data.val: 0.01` if the command was made for such a release"
        imported.findings.append(finding("import.old-default", "info", here, message, hint))
        imported.draft.head.append(f"{message[0].upper()}{message[1:]}: {hint}.")


def _family(translated: Translated, published: Published) -> Family | None:
    """The model's, by what the command says of it."""
    name = _type_of(translated, published)
    return family_of(name) if name is not None else None


def _type_of(translated: Translated, published: Published) -> str | None:
    """The model_type that the command names, or that its model has; None if it has no one."""
    told = translated.flags.get("model_type")
    if told is not None:
        return told.value
    model = translated.flags.get("model")
    return published.type_of(model.value) if model is not None else None
