"""Takes new dumps into this folder: see scripts/dump-swift."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from vlft.swift.dumps import FOLDER, read_document, reduced, shipped_versions
from vlft.swift.versions import release
from vlft.trainer_side.dump_arguments import render


def main(folder: Path) -> None:
    """Writes all dumps anew: those of `folder`, and those that are shipped already."""
    for half in ("", ".models"):
        documents = {version: read_document(version, half) for version in shipped_versions()}
        for file in folder.glob("*.json"):
            name = file.name.removesuffix(".json")
            if name.endswith(".models") == bool(half):
                documents[name.removesuffix(".models")] = json.loads(file.read_bytes())
        newest = max(documents, key=release)
        for version, document in documents.items():
            made = document if version == newest else reduced(document, documents[newest])
            path = FOLDER / f"{version}{half}.json"
            path.write_text(render(made), encoding="utf-8")
            print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
