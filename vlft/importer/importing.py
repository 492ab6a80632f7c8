"""A script, a command line or a config file of ms-swift → configs of vlft.

text → commands (shell/) → the ms-swift subcommand in each (launchers) → flags → today's names
and values (translate, values, old_defaults) → keys of a config (settings, surroundings) → YAML
(write). Each step is a function of what the one before it gave.

`vlft train` adds what every run needs to the command that a config was imported from (its own
folder, the batch written out, absolute paths); everything else comes back as it was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from vlft.importer.commands import Setting, era_of, import_command
from vlft.importer.draft import Draft, write
from vlft.importer.flags import (
    MAX_BYTES,
    ConfigFileError,
    config_argument,
    flags_of_config,
    is_config,
)
from vlft.importer.launchers import (
    IMPORTED,
    Launch,
    Start,
    find_launch,
    started_script,
    unknown_command,
)
from vlft.importer.releases import Published
from vlft.importer.shell.control import read_script
from vlft.importer.shell.interpreter import Invocation
from vlft.importer.shell.source import ParserError
from vlft.importer.shell.state import Field, Text, Variable
from vlft.importer.spans import Lines, Spot, finding, shown
from vlft.importer.surroundings import tell_unused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.findings import Finding
    from vlft.swift.release import SwiftFacts


class Config(Struct, frozen=True):
    """One config.

    Attributes:
        name: What the file is called.
        text: What is in it.
    """

    name: str
    text: str


class Import(Struct, frozen=True):
    """What became of an input.

    Attributes:
        configs: One for each command that is imported.
        findings: In the order of the text.
    """

    configs: tuple[Config, ...]
    findings: tuple[Finding, ...]


def import_text(
    data: bytes,
    name: str | None,
    swift: SwiftFacts,
    *,
    modern: bool = False,
    start: Start | None = None,
) -> Import:
    """The configs of a shell script or of a config file of ms-swift.

    Args:
        data: Its content.
        name: The file as the user named it; None for standard input.
        swift: The installed ms-swift.
        modern: Whether today's defaults are taken for those of an old release.
        start: How a script is started, as far as that is known.
    """
    shown_name = name or "<stdin>"
    text, findings = _decoded(data, shown_name)
    if text is None:
        return Import((), tuple(findings))
    setting = Setting(swift, Published(swift), modern)
    if is_config(shown_name, text):
        return _from_config(text, shown_name, setting)
    return _from_script(text, shown_name, setting, findings, start or Start(), name)


def import_words(words: Sequence[str], swift: SwiftFacts, *, modern: bool = False) -> Import:
    """The config of a command line, already split into words by the caller's shell.

    One word alone is split here, as a shell would.

    Args:
        words: The command.
        swift: The installed ms-swift.
        modern: As in `import_text`.
    """
    setting = Setting(swift, Published(swift), modern)
    if len(words) == 1:
        return _from_script(words[0], None, setting, [], Start())
    fields: list[Field] = []
    env: dict[str, str] = {}
    offset = 0
    for word in words:
        name, equals, value = word.partition("=")
        if equals and not fields and name.isidentifier():
            env[name] = value
        else:
            fields.append(Field(Text(word), offset, word, quoted=True))
        offset += len(word) + 1
    lines = Lines(" ".join(words).replace("\n", " "), None)
    variables = {key: Variable(Text(value), 0) for key, value in env.items()}
    invocation = Invocation(0, fields, variables)
    return _of_invocations([invocation], lines, setting, [], "command")


def _decoded(data: bytes, name: str) -> tuple[str | None, list[Finding]]:
    """The text; None, with a finding, if there is none to read."""
    here = Spot(name, 1, 1)
    if len(data) > MAX_BYTES:
        message = f"{len(data):,} bytes are more than a script has; the limit is {MAX_BYTES:,}"
        return None, [finding("import.unreadable", "error", here, message)]
    if b"\0" in data:
        message = "it holds NUL characters: it is no text"
        return None, [finding("import.unreadable", "error", here, message, "name a shell script")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"it is not UTF-8: byte {error.start}"
        spot = Spot(name, line, 1)
        return None, [finding("import.unreadable", "error", spot, message, "save it as UTF-8")]
    findings = []
    if "\r\n" in text:
        message = "its lines end as on Windows: to bash, every backslash at an end is cut off"
        hint = "it is read as it is meant; mend it with `dos2unix`"
        findings.append(finding("import.mended", "warning", here, message, hint))
        text = text.replace("\r\n", "\n")
    return text, findings


def _from_script(
    text: str,
    name: str | None,
    setting: Setting,
    findings: list[Finding],
    start: Start,
    file: str | None = None,
) -> Import:
    lines = Lines(text, name)
    try:
        script = read_script(text, file, start.words, start.env)
    except ParserError as error:
        message = f"this script could not be parsed: {error}"
        hint = "give the swift command itself: `vlft import swift sft …`"
        findings.append(finding("import.syntax", "error", lines.spot(0), message, hint))
        return Import((), tuple(findings))
    if script.broken is not None:
        message, offset = script.broken
        hint = "what follows is not read"
        findings.append(finding("import.syntax", "error", lines.spot(offset), message, hint))
    for offset, note in script.notes:
        findings.append(finding("import.computed", "info", lines.spot(offset), note))
    for begin, end in script.heredocs:
        if "swift " in text[begin : min(end, begin + (1 << 16))]:
            message = "a here-document is not imported, though it speaks of swift"
            hint = "save it as a file of its own and import that"
            findings.append(
                finding("import.here-document", "warning", lines.spot(begin), message, hint)
            )
    findings += tell_unused(script.unused, lines.spot)
    stem = (name or "command").replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
    return _of_invocations(script.invocations, lines, setting, findings, stem or name or "command")


def _of_invocations(
    invocations: Sequence[Invocation],
    lines: Lines,
    setting: Setting,
    findings: list[Finding],
    stem: str,
) -> Import:
    made: list[Draft] = []
    other = False
    found = [(one, find_launch(one.fields)) for one in invocations]
    eras = [
        era_of(launch, setting)
        for _, launch in found
        if launch is not None and launch.subcommand in IMPORTED
    ]
    setting = replace(setting, major=min((era.major for era in eras), default=None))
    for invocation, launch in found:
        if launch is None:
            continue
        spot = lines.spot(invocation.offset)
        if launch.subcommand not in IMPORTED:
            other = True
            findings.append(_not_imported(launch, spot))
            continue
        extra, read = config_argument(launch, spot, findings)
        imported = import_command(invocation, read, setting, lines.spot, extra)
        findings += imported.findings
        made.append(imported)
    if not made and not any(one.severity == "error" for one in findings):
        message = (
            "there is no command of ms-swift that trains in it"
            if other
            else ("there is no command of ms-swift in it")
        )
        started = next(filter(None, map(started_script, invocations)), None)
        hint = "it is looked for as `swift sft …`, `torchrun …/sft.py` and the like"
        unknown = next(filter(None, map(unknown_command, invocations)), None)
        if started is not None:
            hint = f"it starts {shown(started)}: import that"
        elif unknown is not None:
            hint = f"{shown(unknown.raw)} may hold it: {unknown.value.why}"
        findings.append(finding("import.nothing", "error", lines.spot(0), message, hint))
    configs = []
    for number, imported in enumerate(made, 1):
        name = stem if len(made) == 1 else f"{stem}-{number}"
        configs.append(Config(f"{name}.yaml", write(imported)))
    order = sorted(findings, key=lambda one: (one.line or 0, one.column or 0))
    return Import(tuple(configs), tuple(dict.fromkeys(order)))


def _not_imported(launch: Launch, spot: Spot) -> Finding:
    name = launch.subcommand
    command = name if name.startswith("megatron") else f"swift {name}"
    hint = "vlft starts sft, pt and rlhf; export and infer have commands of their own"
    return finding("import.other-command", "warning", spot, f"`{command}` is not imported", hint)


def _from_config(text: str, name: str, setting: Setting) -> Import:
    lines = Lines(text, name)
    findings: list[Finding] = []
    try:
        flags, env = flags_of_config(text, name)
    except ConfigFileError as error:
        here = Spot(name, error.line, 1)
        return Import((), (finding("import.syntax", "error", here, str(error)),))
    names = {flag.name for flag in flags}
    task = "rlhf" if names & set(_RLHF_ONLY) else "sft"
    launch = Launch(task, (), options={f"env {key}": value for key, value in env.items()})
    imported = import_command(Invocation(0, [], {}), launch, setting, lines.spot, tuple(flags))
    findings += imported.findings
    stem = name.rpartition("/")[2].rpartition(".")[0]
    config = Config(f"{stem}.vlft.yaml", write(imported))
    return Import((config,), tuple(findings))


_RLHF_ONLY: Final = ("rlhf_type", "ref_model", "reward_funcs", "num_generations")
