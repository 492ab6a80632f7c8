"""What `vlft import` may say: every id with its severity, and the sentence that must hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
