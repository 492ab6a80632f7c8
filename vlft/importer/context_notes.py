"""What a script says around a command: branches, cuts, folders, words of no flag."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vlft.config.schema import ENVIRONMENT, NODE_ENVIRONMENT
from vlft.importer.launchers import IMPORTED, find_launch
from vlft.importer.spans import Spot, finding, shown
from vlft.importer.surroundings import LAUNCH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vlft.findings import Finding
    from vlft.importer.draft import Imported
    from vlft.importer.flags import Flags
    from vlft.importer.launchers import Launch
    from vlft.importer.shell.interpreter import Invocation

_BLOCKS = {
    "for": "loop", "while": "loop", "until": "loop", "function": "function",
    "branch": "group after && or ||",
}  # fmt: skip


def tell_surroundings(
    imported: Imported,
    invocation: Invocation,
    launch: Launch,
    read: Flags,
    spot_of: Callable[[int], Spot],
) -> None:
    """What the script around the command does to it."""
    found, head = imported.findings, imported.draft.head
    for block in invocation.blocks:
        what = _BLOCKS.get(block.kind, f"`{block.kind}`")
        message = f"the command stands in a {what}: whether and how often it runs is not imported"
        found.append(finding("import.control-flow", "warning", spot_of(block.offset), message))
        head.append(f"It stands in a {what} ({spot_of(block.offset)}), which is not imported.")
    if invocation.passes:
        values = ", ".join(f"{name}={value}" for name, value in invocation.passes)
        head.append(f"It is the pass {values} of a loop; each pass has a config of its own."[:160])
    _tell_aside(imported, invocation, spot_of)
    _tell_mended(imported, invocation, spot_of)
    if invocation.folder is not None and invocation.folder.text not in (".", ""):
        message = f"the script works in {shown(invocation.folder.text)}"
        hint = "a relative path starts from the config's folder: put the config there"
        found.append(finding("import.folder", "info", spot_of(invocation.offset), message, hint))
        head.append(f"Relative paths start from {invocation.folder.text} (cd): put it there.")
    if launch.unread:
        words = " ".join(launch.unread)
        message = f"not imported, in front of the command: {shown(words)}"
        found.append(finding("import.launcher", "warning", spot_of(invocation.offset), message))
        imported.draft.left_out.append(f"{words}: in front of the command")
    for word, spot in read.stray:
        if word.why is not None:
            message = f"{shown(word.text)} may be further flags: {word.why}"
        else:
            message = f"{shown(word.text)} belongs to no flag"
        found.append(finding("import.stray", "warning", spot, message))
        why = word.why or "it belongs to no flag that is known"
        imported.draft.left_out.append(f"{word.text} ({spot}): {why}")


def _tell_mended(
    imported: Imported, invocation: Invocation, spot_of: Callable[[int], Spot]
) -> None:
    """Flags that bash would not take for the command's own."""
    found, head = imported.findings, imported.draft.head
    for offset in invocation.cuts:
        message = "blanks after a backslash: to bash the command ends here"
        hint = "the lines below are taken for its own, as they are meant; remove the blanks"
        found.append(finding("import.mended", "warning", spot_of(offset), message, hint))
    for offset in invocation.glued:
        message = "no blank before the backslash: to bash the next line is part of this word"
        hint = "two words are imported, as they are meant; write a blank"
        found.append(finding("import.mended", "warning", spot_of(offset), message, hint))
    for offset in invocation.mended:
        message = "to bash the command has ended, and this line is another: `--…: not found`"
        hint = "its flags are imported, as they are meant; no blank line and no comment between"
        found.append(finding("import.mended", "warning", spot_of(offset), message, hint))
    if invocation.cuts or invocation.mended:
        head.append("To bash the command ends before its last flags; they are all here.")


def tell_unused(
    unused: Sequence[tuple[Invocation, str]], spot_of: Callable[[int], Spot]
) -> list[Finding]:
    """Commands of ms-swift that a script, as it stands, never comes to."""
    found = []
    for one, why in unused:
        launch = find_launch(one.fields)
        if launch is not None and launch.subcommand in IMPORTED:
            message = f"`swift {launch.subcommand}` is not imported: {why}"
            started = "import it as it is started: `vlft import NAME=value train.sh word`"
            hint = started if why.startswith("started") else None
            spot = spot_of(one.offset)
            found.append(finding("import.control-flow", "warning", spot, message, hint))
    return found


def _tell_aside(imported: Imported, invocation: Invocation, spot_of: Callable[[int], Spot]) -> None:
    """`CUDA_VISIBLE_DEVICES=0` in a line of its own: the shell keeps it to itself."""
    words = " ".join(one.raw for one in invocation.fields)
    for name, variable in invocation.aside.items():
        known = name in ENVIRONMENT or name in NODE_ENVIRONMENT or name in LAUNCH
        if not known or name in invocation.env or re.search(rf"\$\{{?{name}\b", words):
            continue
        text = f"{name}={variable.value.text}"
        message = f"{shown(text)} stands in a line of its own and is not exported: ms-swift "
        message += "never sees it"
        hint = "it is left out, as it is for bash; write it into the config if it is meant"
        spot = spot_of(variable.offset)
        imported.findings.append(finding("import.not-exported", "warning", spot, message, hint))
        imported.draft.left_out.append(f"{text} ({spot}): it is not exported")
