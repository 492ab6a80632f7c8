"""What can be wrong with a config, one pure function a rule; a file in here is a subject."""

from importlib import import_module
from pathlib import Path

from vlft.rules.base import PLANNABLE, RULES, all_rules, check

__all__ = ["PLANNABLE", "RULES", "all_rules", "check"]

# Importing a module registers its rules.
for _file in sorted(Path(__file__).parent.glob("[!_]*.py")):
    import_module(f"{__name__}.{_file.stem}")
