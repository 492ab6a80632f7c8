"""Rewrites the golden cases of the rules (golden_cases.py) from what vlft reports now.

    python tests/rules/expectations.py                       # only what is missing
    python tests/rules/expectations.py pixels tuner          # all cases of these subjects
    python tests/rules/expectations.py pixels.over-length    # the cases that this rule changed in
    python tests/rules/expectations.py --wording pixels      # the texts of these rules, or of one
    python tests/rules/expectations.py --wording '*'         # names may be patterns

Missing are findings below a new `$ …` line, the case of a new example, and the text of a new
rule. Nothing else is changed. Read the differences before you commit them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from examples import EXAMPLES
from golden_cases import (
    Caches,
    Case,
    as_lines,
    as_wording,
    case_of,
    prepare_folder,
    read_cases,
    read_wording,
    report,
    subject_of,
    subjects,
    write_cases,
    write_wording,
)


def rewrite_cases(names: Sequence[str], folder: Path) -> list[str]:
    """Rewrites the findings of cases: those without any, and those that names ask for.

    Args:
        names: Subjects and rules, or patterns of them.
        folder: Made by `prepare_folder`, and the working directory.

    Returns:
        The ids of the cases that changed.
    """
    caches: Caches = {}
    changed: list[str] = []
    for subject in sorted({*subjects(), *map(subject_of, EXAMPLES)}):
        old = [*read_cases(subject), *_new_examples(subject)]
        new = [_rewritten(case, names, folder, caches) for case in old]
        different = [case.id for case, before in zip(new, old, strict=True) if case != before]
        if different:
            write_cases(subject, new)
            changed += different
    return changed


def rewrite_wording(names: Sequence[str], folder: Path) -> list[str]:
    """Rewrites the texts of rules: those without one, and those that names ask for.

    Returns:
        The rules whose text changed.
    """
    caches: Caches = {}
    changed: list[str] = []
    for subject in sorted(set(map(subject_of, EXAMPLES))):
        old = read_wording(subject)
        new: dict[str, str] = {}
        for rule in (rule for rule in EXAMPLES if subject_of(rule) == subject):
            if rule in old and not (_asked_for(names, rule) or _asked_for(names, subject)):
                new[rule] = old[rule]
            else:
                new[rule] = as_wording(rule, report(case_of(rule), folder, caches), folder)
        if new != old:
            write_wording(subject, new.values())
            changed += [rule for rule in {**old, **new} if old.get(rule) != new.get(rule)]
    return changed


def _new_examples(subject: str) -> Iterator[Case]:
    """The examples of the subject that are no case yet."""
    known = {case.command for case in read_cases(subject)}
    for rule in EXAMPLES:
        case = case_of(rule)
        if case.subject == subject and case.command not in known:
            known.add(case.command)
            yield case


def _rewritten(case: Case, names: Sequence[str], folder: Path, caches: Caches) -> Case:
    if case.findings and not names:
        return case
    now = replace(case, findings=as_lines(report(case, folder, caches)))
    if not case.findings or _asked_for(names, case.subject):
        return now
    changed = {line.split()[1] for line in {*case.findings} ^ {*now.findings} if " " in line}
    return now if any(_asked_for(names, rule) for rule in changed) else case


def _asked_for(names: Sequence[str], name: str) -> bool:
    return any(fnmatch(name, given) for given in names)


def main(make_model: Callable[..., Path]) -> None:
    """Rewrites what was asked for, and prints what changed."""
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary,
        epilog=details,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="a subject or a rule")
    parser.add_argument("--wording", action="store_true", help="rewrite texts, not findings")
    options = parser.parse_args()
    known = {name for rule in EXAMPLES for name in (rule, subject_of(rule))}
    for name in options.names:
        if not any(fnmatch(one, name) for one in {*known, *subjects()}):
            parser.error(f"unknown subject or rule {name!r}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        prepare_folder(folder, make_model)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        os.chdir(folder)
        changed: list[str] = []
        if not options.wording:
            changed += rewrite_cases(options.names, folder)
        if options.wording or not options.names:
            changed += rewrite_wording(options.names, folder)
    print("\n".join(changed) or "nothing changed")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from support.folders import make_model_folder

    main(make_model_folder)
