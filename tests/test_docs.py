"""The pages: their commands exist, their links lead somewhere, both READMEs say the same."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.doc_blocks import NOT_RUN, ROOT, Block, blocks, commands, script, write_files
from typer.testing import CliRunner

from vlft.cli import app
from vlft.pipeline import look_at_hardware, prepare

PAGES = ["README.md", "README.zh-CN.md", "CONTRIBUTING.md"]
PAGES += sorted(str(page.relative_to(ROOT)) for page in ROOT.glob("docs/*.md"))
GUIDES = ["docs/first-steps.md", "docs/from-swift.md", "docs/ci.md", "docs/slurm.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_of_a_page_exists(page: str) -> None:
    for line in commands(page):
        words = shlex.split(line, comments=True)
        asked = CliRunner().invoke(app, [*words[1:], "--help"])
        assert asked.exit_code == 0, f"{line}\n{asked.output}"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not (ROOT / page).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_module_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"`([\w/]+\.py)`", (ROOT / page).read_text(encoding="utf-8"))
    folders = ("vlft", "tests", "tools", "benches")
    files = ["/" + str(one.relative_to(ROOT)) for f in folders for one in (ROOT / f).rglob("*.py")]
    assert [name for name in named if not any(one.endswith(f"/{name}") for one in files)] == []


def _without_comments(block: Block) -> list[str]:
    """What a block says to type; of text that vlft prints, everything."""
    lines = block.text.splitlines()
    if block.text.startswith(("$ ", "held-out")):
        return lines
    return [stripped for line in lines if (stripped := re.sub(r"(^|\s+)#.*", "", line).rstrip())]


def test_both_readmes_have_the_same_blocks_links_and_inline_commands() -> None:
    english, chinese = ([_without_comments(one) for one in blocks(page)] for page in PAGES[:2])
    assert english == chinese
    texts = [(ROOT / page).read_text(encoding="utf-8") for page in PAGES[:2]]
    for pattern in (r"\]\((?!README)([^)]+)\)", r"(?<!`)`([^`\n]+)`(?!`)"):
        first, second = (sorted(re.findall(pattern, text)) for text in texts)
        assert first == second
    headings = [re.findall(r"^#+ ", text, re.MULTILINE) for text in texts]
    assert headings[0] == headings[1]
    assert len(re.findall(r"[\u4e00-\u9fff]", texts[1])) > 1000


def test_what_is_not_run_stands_in_a_guide() -> None:
    lines = [
        line
        for page in GUIDES
        for one in blocks(page)
        if one.language == "sh"
        for line in one.text.splitlines()
    ]
    assert set(NOT_RUN) <= set(lines)


@pytest.mark.parametrize("page", GUIDES)
def test_all_commands_of_a_guide_are_marked_to_be_run(page: str) -> None:
    """A block without a language is what something prints."""
    unmarked = [one.text for one in blocks(page) if one.language in ("", "shell", "console")]
    assert unmarked == []


def test_the_page_about_ci(tmp_path: Path, model_folder: Path, data_file: Path) -> None:
    """Typed as it stands, in a repository with configs of three kinds."""
    data_file.write_text(data_file.read_text() * 50)
    config = (
        f"model: {{path: {model_folder}}}\ndata: {{train: [{data_file}]}}\n"
        "pixels: {max: 50176}\ntrain: {global_batch_size: 8}\nlaunch: {gpus: 8}\n"
    )
    for name in ("configs/a.yaml", "runs/one/lora-1.yaml", "base.yaml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(config)
    programs = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-c", script("docs/ci.md")],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"2.1.0"' in (tmp_path / "vlft.sarif").read_text()
    assert '"global_batch_size"' in (tmp_path / "vlft.schema.json").read_text()


def test_the_config_of_the_page_about_slurm_is_right(
    tmp_path: Path, model_folder: Path, data_file: Path
) -> None:
    write_files("docs/slurm.md", tmp_path)
    data_file.write_text(data_file.read_text() * 50)
    file = tmp_path / "config.yaml"
    file.write_text(
        file.read_text() + f"model: {{path: {model_folder}}}\ndata: {{train: [{data_file}]}}\n"
        "pixels: {max: 50176}\n"
    )
    found = prepare(file, [], look_at_hardware("8xH100-80G"), {"PATH": ""}).findings
    assert [one.message for one in found if one.severity == "error"] == []
