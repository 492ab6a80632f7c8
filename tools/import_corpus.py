"""What `vlft import` makes of public launch scripts, held against a stored outcome.

    scripts/import-corpus FOLDER            compare; exit code 1 if anything differs
    scripts/import-corpus FOLDER --write    store today's outcome
    scripts/import-corpus FOLDER --fetch    first bring the missing scripts into the folder
    … --fetch --clones CLONES               from local clones, CLONES/owner/name, not from GitHub

tests/importer/corpus/scripts.tsv lists the scripts: repository, commit, path and the beginning
of the SHA-256 of the text. The texts themselves are not kept. outcomes.txt holds, for each
script, the rule ids of the findings with their lines, and for each config its keys with a digest
of the whole text, so that a change of a comment is seen too. Figures and words of ms-swift are
kept; every other value (a path, a name, a sentence) is a digest.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

import yaml

from vlft.importer.importing import Config, import_text
from vlft.swift.probe import read_swift
from vlft.swift.release import SwiftFacts

STORE = Path(__file__).resolve().parents[1] / "tests" / "importer" / "corpus"
_FIGURE = re.compile(
    r"[-+\d.,e]*|true|false|auto|lora|full|dummy|sdpa|flash_attn|all-linear|(b)?float(16|32)"
    r"|zero[0-3](_offload)?|sft|pt|rlhf|[dkcg]po|grpo|gkd|ppo|rm|orpo|simpo|bnb|gptq|awq"
)
"""Values that are kept as they are: figures and words of ms-swift, nothing of a script's author."""


@dataclass(frozen=True)
class Script:
    """One public launch script."""

    repository: str
    commit: str
    path: str
    sha: str

    def file(self, folder: Path) -> Path:
        """Where its text is kept."""
        return folder / self.repository / self.commit[:12] / self.path


def listed() -> list[Script]:
    """The scripts of the list."""
    lines = (STORE / "scripts.tsv").read_text(encoding="utf-8").splitlines()
    return [Script(*line.split("\t")) for line in lines if not line.startswith("#")]


def outcome(script: Script, text: bytes, swift: SwiftFacts) -> list[str]:
    """What becomes of a script, one fact a line."""
    made = import_text(text, f"/scripts/{script.path}", swift)
    here = str(Path.cwd())
    found = [f"{one.rule}@{one.line} {_digest(one.message)}" for one in made.findings]
    lines = [f"{script.repository} {script.commit[:12]} {script.path}"]
    lines += [f"  {line}" for line in found]
    for config in made.configs:
        lines += [f"  {line}" for line in _summary(config, here)]
    return lines


def _summary(config: Config, here: str) -> list[str]:
    text = config.text.replace(here, "/work")
    lines = [f"{config.name} {_digest(text)}"]
    for section, value in (_Loader(text).get_single_data() or {}).items():
        pairs = value.items() if isinstance(value, dict) else [("", value)]
        shown = " ".join(f"{key}={_shown(item)}" if key else _shown(item) for key, item in pairs)
        lines.append(f"  {section}: {shown}")
    return lines


class _Loader(yaml.SafeLoader):
    """Keeps scalars as they are written, and `!ask` as a part of the value."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_constructor("!ask", lambda loader, node: f"!ask {loader.construct_scalar(node)}")


def _shown(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if _FIGURE.fullmatch(text) else f"sha:{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def fetch(scripts: list[Script], folder: Path, clones: Path | None) -> None:
    """Brings the texts of scripts into a folder."""
    missing = [one for one in scripts if not one.file(folder).is_file()]
    for repository, commit in dict.fromkeys((one.repository, one.commit) for one in missing):
        with tempfile.TemporaryDirectory() as name:
            clone = Path(name) if clones is None else clones / repository
            if clones is None:
                url = f"https://github.com/{repository}"
                _git(clone, "init", "--quiet", "--bare")
                _git(clone, "fetch", "--quiet", "--depth", "1", url, commit)
            for one in missing:
                if (one.repository, one.commit) == (repository, commit):
                    file = one.file(folder)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(_git(clone, "show", f"{commit}:{one.path}"))


def _git(clone: Path, *words: str) -> bytes:
    words = (shutil.which("git") or "git", "-C", str(clone), *words)
    return subprocess.run(words, check=True, capture_output=True).stdout


def main() -> int:
    """Compares, or stores."""
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the texts are kept")
    parser.add_argument("--fetch", action="store_true", help="bring the missing texts first")
    parser.add_argument("--clones", type=Path, help="local clones: CLONES/owner/name")
    parser.add_argument("--write", action="store_true", help="store the outcome")
    given = parser.parse_args()
    scripts, folder = listed(), given.folder.resolve()
    if given.fetch:
        fetch(scripts, folder, given.clones and given.clones.resolve())
    swift = read_swift(None)
    lines: list[str] = []
    compared = 0
    with tempfile.TemporaryDirectory() as empty:
        os.chdir(empty)  # whether a file exists decides what a data set is
        for script in scripts:
            file = script.file(folder)
            text = file.read_bytes() if file.is_file() else None
            if text is None or hashlib.sha256(text).hexdigest()[: len(script.sha)] != script.sha:
                print(f"missing or changed: {file}", file=sys.stderr)
                continue
            compared += 1
            lines += outcome(script, text, swift)
        os.chdir("/")
    store = STORE / "outcomes.txt"
    if given.write:
        store.write_text("\n".join(lines) + "\n", encoding="utf-8")
        print(f"{compared} scripts: {store}")
        return 0
    before = store.read_text(encoding="utf-8").splitlines()
    changes = list(difflib.unified_diff(before, lines, "stored", "today", lineterm="", n=12))
    print("\n".join([*changes, f"{compared} of {len(scripts)} scripts, {len(changes)} lines"]))
    return 1 if changes or compared < len(scripts) else 0


if __name__ == "__main__":
    sys.exit(main())
