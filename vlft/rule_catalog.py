"""Everything that vlft can find: the rules, and what the reader of a config says itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from vlft.config.ignores import UNUSED, can_be_ignored
from vlft.config.reader import READER_RULES
from vlft.errors import UsageError
from vlft.rules import all_rules
from vlft.text import nearest

if TYPE_CHECKING:
    from vlft.findings import Severity

IMPORT_RULES: Final[dict[str, tuple[Severity, str]]] = {
    "import.asked": ("error", "Every value is known without running the shell."),
    "import.computed": ("info", "A value that the script computes is told with what was lost."),
    "import.control-flow": ("warning", "A command runs once, whatever a script's branches say."),
    "import.dropped": ("info", "A flag that is left out is told, with the reason."),
    "import.folder": ("info", "The folder that a script works in is told."),
    "import.here-document": ("warning", "Commands do not stand in a here-document."),
    "import.launcher": ("warning", "What stands in front of a command is understood."),
    "import.mended": ("warning", "A command does not end before its last flag."),
    "import.not-exported": ("warning", "A variable of the launch reaches ms-swift."),
    "import.nothing": ("error", "A script holds a command of ms-swift."),
    "import.old-checkpoint": ("warning", "A checkpoint was written by ms-swift 3 or later."),
    "import.old-default": ("info", "A default that has changed is written out, or told."),
    "import.on-hub": ("info", "A data set that is no file here is told."),
    "import.other-command": ("warning", "A command is one that vlft does."),
    "import.quant-method": ("warning", "A number of bits comes with a method."),
    "import.renamed": ("info", "A flag with a new name or value is told."),
    "import.secret": ("warning", "A secret does not stand in a script."),
    "import.stale-merge": ("info", "Merging and quantising are two steps."),
    "import.stray": ("warning", "Every word belongs to a flag."),
    "import.syntax": ("error", "A script can be read to its end."),
    "import.unknown-argument": ("warning", "A flag exists in some release of ms-swift."),
    "import.unknown-variable": ("warning", "A variable is known without running the shell."),
    "import.unreadable": ("error", "A script is a text in UTF-8."),
}
"""Id → severity and sentence; what a dropped flag or an old default changes is a warning."""


class Entry(Struct, frozen=True):
    """One id that a finding can bear.

    Attributes:
        id: `subject.what`.
        severity: Of its findings.
        sentence: What must hold.
        effect: What happens without it, in words.
        source: Where it comes from.
        says: What ms-swift says then, or a part of it; None if it says nothing of use.
    """

    id: str
    severity: Severity
    sentence: str
    effect: str
    source: str
    says: str | None = None

    @property
    def ignorable(self) -> bool:
        """Whether a comment on its line can ignore it."""
        return can_be_ignored(self.id, self.severity)


EFFECTS = {
    "aborts": "ms-swift refuses the arguments, seconds after it was started",
    "late": "the run fails once the model is loaded, or later",
    "silent": "ms-swift says nothing, and the run is not what was meant",
    "advice": "it costs time, memory or disk that need not be spent",
}


FATES = {
    "ok": "the row is trained on as it is",
    "dropped": "ms-swift deletes the row when it loads the file",
    "replaced": "ms-swift trains on another row in its place",
    "silently_wrong": "the row is trained on, but not as it says",
    "load_fails": "ms-swift can't load the file",
    "unknown": "it is not known what becomes of the row",
}


def catalogue() -> dict[str, Entry]:
    """Id → entry, sorted by id."""
    from vlft.data.rules import ROW_RULES  # noqa: PLC0415 - only where all are named

    entries = [
        Entry(rule.id, rule.severity, rule.sentence, EFFECTS[rule.effect], rule.source, rule.says)
        for rule in all_rules().values()
    ]
    entries += [
        Entry(rule.id, rule.severity, rule.sentence, FATES[rule.fate], rule.source)
        for rule in ROW_RULES.values()
    ]
    for name, sentence in READER_RULES.items():
        unused = name == UNUSED
        effect = "nothing: the comment does nothing" if unused else "there is no config to run"
        severity: Severity = "warning" if unused else "error"
        entries.append(Entry(name, severity, sentence, effect, "vlft: the reader of a config"))
    effect = "the config is not the run that the script meant, or it can't be run"
    entries += [
        Entry(name, severity, sentence, effect, "vlft import")
        for name, (severity, sentence) in IMPORT_RULES.items()
    ]
    return {entry.id: entry for entry in sorted(entries, key=lambda entry: entry.id)}


def find_entry(name: str) -> Entry:
    """The entry with this id.

    Raises:
        UsageError: If there is none.
    """
    entries = catalogue()
    if name not in entries:
        close = nearest(name, entries)
        hint = f"did you mean `{close}`?" if close else "`vlft explain --list` names them all"
        raise UsageError(f"there is no rule `{name}`", hint)
    return entries[name]
