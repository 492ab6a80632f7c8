"""A draft → YAML that vlft's own reader takes as it was written."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from vlft.config.scalars import read_plain

if TYPE_CHECKING:
    from vlft.importer.draft import Draft, Entry, Key
    from vlft.importer.shell.state import Text

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
    if draft.left_out:
        lines += ["", "# Left out:"]
        lines += [_comment("  " + line) for line in draft.left_out]
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
