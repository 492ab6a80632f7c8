"""A config in the making, and its text: YAML that vlft's own reader takes as it was written."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct, field

from vlft.config.scalars import read_plain
from vlft.importer.spans import Spot, finding, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vlft.findings import Finding, Severity
    from vlft.importer.flags import Flag
    from vlft.importer.releases import Era, Published
    from vlft.importer.shell.state import Text
    from vlft.swift.release import Argument


Key: TypeAlias = tuple[str, ...]
Form = Literal["plain", "text", "list", "raw"]


class Entry(Struct, frozen=True):
    """One value of a config.

    Attributes:
        values: One text, or the items of a list.
        form: plain: as it is written, in quotes only where YAML needs them. text: for a key
            that takes text, also where it looks like a number. list: a list. raw: YAML.
        comment: What stands behind it.
    """

    values: tuple[Text, ...]
    form: Form = "plain"
    comment: str | None = None

    @property
    def asked(self) -> bool:
        """Whether a part of it is unknown."""
        return any(value.why is not None for value in self.values)


class Draft(Struct):
    """The config of one command.

    Attributes:
        subcommand: Of ms-swift: `sft` and the like.
        legal: Its arguments in the installed ms-swift.
        published: The registry's models.
        era: The release that the command is for.
        spot_of: From an offset to a place.
        flags: Name of today → flag; the last one counts, as for argparse.
        entries: Key → value.
        head: Lines above it.
        dropped: Lines below it: flags that nothing became of, and why.
        left_out: The same for everything else.
        findings: What was renamed, dropped, mended, or is to be answered.
    """

    subcommand: str
    legal: Mapping[str, Argument]
    published: Published
    era: Era
    spot_of: Callable[[int], Spot]
    flags: dict[str, Flag] = field(default_factory=dict)
    entries: dict[Key, Entry] = field(default_factory=dict)
    head: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def find(
        self,
        rule: str,
        severity: Severity,
        spot: Spot,
        message: str,
        hint: str | None = None,
        path: str = "",
    ) -> None:
        """Adds a finding."""
        self.findings.append(finding(rule, severity, spot, message, hint, path))

    def leave(self, flag: Flag, why: str) -> None:
        """Leaves a flag out."""
        self.dropped.append(f"{flag.written()} ({flag.spot}): {why}")

    def drop(self, flag: Flag, why: str, *, harmless: bool = True, hint: str | None = None) -> None:
        """Leaves a flag out, and says so."""
        self.leave(flag, why)
        message = f"{shown(flag.written())} is left out: {why}"
        self.find("import.dropped", "info" if harmless else "warning", flag.spot, message, hint)

    def drop_secret(self, flag: Flag) -> None:
        """Leaves a secret out, whose value is masked already, and says so."""
        self.leave(flag, "a secret does not belong into a config")
        message = f"`--{flag.name}` is left out: a secret does not belong into a config"
        hint = "give it to the service by its environment variable"
        self.find("import.secret", "warning", flag.spot, message, hint)

    def put(self, flag: Flag) -> None:
        """Takes a flag over; an earlier one of the same name is left out."""
        before = self.flags.pop(flag.name, None)
        if before is not None:
            self.drop(before, f"it is given again in {flag.spot}, and the last one counts")
        self.flags[flag.name] = flag


_SECTIONS: Final = (
    "task", "model", "tuner", "lora", "quant", "data", "pixels", "train", "deepspeed", "launch",
    "output_dir", "swift", "env",
)  # fmt: skip
_SAFE: Final = re.compile(r"[A-Za-z0-9_./+~^(-][A-Za-z0-9_./+~@=^*()$;|&<>%?!\\ -]*")
_SAFE_IN_LIST: Final = re.compile(r"[A-Za-z0-9_./+~^(-][A-Za-z0-9_./+~@=^*()$;|&<>%?!\\:#-]*")
_WIDTH: Final = 96


def write(draft: Draft) -> str:
    """The config's text.

    Args:
        draft: With at least one entry or comment.
    """
    lines = [_comment(line) for line in draft.head]
    order = {name: index for index, name in enumerate(_SECTIONS)}
    keys = sorted(draft.entries, key=lambda key: order[key[0]])
    open_sections: Key = ()
    for key in keys:
        sections = key[:-1]
        shared = 0
        while shared < min(len(sections), len(open_sections)) and (
            sections[shared] == open_sections[shared]
        ):
            shared += 1
        lines += [f"{'  ' * depth}{sections[depth]}:" for depth in range(shared, len(sections))]
        open_sections = sections
        lines.append(_line(key, draft.entries[key]))
    left_out = draft.dropped + draft.left_out
    if left_out:
        lines += ["", "# Left out:", *(_comment("  " + line) for line in left_out)]
    return "\n".join(lines) + "\n"


def _line(key: Key, entry: Entry) -> str:
    indent = "  " * (len(key) - 1)
    value = _asked(key, entry) if entry.asked else _value(entry)
    said = entry.comment or next((one.why for one in entry.values if one.why is not None), None)
    comment = f"  {_comment(said)}" if said else ""
    return f"{indent}{scalar(key[-1], is_text=True)}: {value}{comment}"


def _asked(key: Key, entry: Entry) -> str:
    """A value that is not known: something that the reader of a config refuses at its place.

    So no run starts before the question is answered. A number or a choice is refused as it
    is, and `--set` can answer it; a text would be taken, and gets a tag.
    """
    text = _quoted(" ".join(value.text for value in entry.values))
    takes_text = entry.form != "plain" or key[0] in ("swift", "env")
    return f"!ask {text}" if takes_text else text


def _value(entry: Entry) -> str:
    if entry.form == "raw":
        return entry.values[0].text
    if entry.form == "list":
        return f"[{', '.join(_item(value) for value in entry.values)}]"
    return scalar(entry.values[0].text, is_text=entry.form == "text")


def _item(value: Text) -> str:
    text = value.text
    plain = _SAFE_IN_LIST.fullmatch(text) and " #" not in text and not text.endswith(":")
    return text if plain and _keeps(text, is_text=True) else _quoted(text)


def scalar(text: str, *, is_text: bool) -> str:
    """One value: plain where YAML reads it as it is written, else in quotes.

    Args:
        text: The value.
        is_text: Whether the key takes text only, so that `1` has to be quoted.
    """
    plain = _SAFE.fullmatch(text) or re.fullmatch(
        r"[A-Za-z0-9_./~-]+(::?[A-Za-z0-9_./#~-]+)+", text
    )
    if plain and text == text.strip() and _keeps(text, is_text=is_text):
        return text
    if re.fullmatch(r"[A-Za-z0-9_./~-]+#\d+", text):
        return text
    return _quoted(text)


def _keeps(text: str, *, is_text: bool) -> bool:
    if text in ("-", "---", "...", "~") or text.startswith(("- ", "--- ")):
        return False
    value, doubt = read_plain(text)
    if isinstance(value, bool) and text not in ("true", "false"):
        return False
    return doubt is None and value is not None and (isinstance(value, str) or not is_text)


def _quoted(text: str) -> str:
    if text.isprintable() and "'" not in text:
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _comment(text: str) -> str:
    flat = "".join(char if char.isprintable() else "?" for char in text)
    return f"# {flat}".rstrip()
