"""Every command with the lowest allowed versions of what vlft needs: scripts/test-lowest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
from PIL import Image
from support.folders import make_model_folder
from support.standin_swift import standin_interpreter
from support.weight_files import matrix, tensor, write_adapter, write_model

from vlft.cli import app
from vlft.recipes import recipes

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = os.environ.get("VLFT_LOWEST", "")
pytestmark = [
    pytest.mark.lowest,
    pytest.mark.skipif(not PYTHON, reason="scripts/test-lowest makes the environment"),
]

ROWS = [
    {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": "b"}]}
    for q in ("a", "<image>c")
]
ROWS[1]["images"] = ["a.png"]
OTHER_ROWS = [{"instruction": "a", "input": "", "output": "b"}]
SCRIPT = "MAX_PIXELS=1003520 swift sft --model Qwen/Qwen2-VL-2B-Instruct --dataset a.jsonl\n"
MISTAKES = """\
model: {path: 7, torch_dtype: float8, typ: qwen2_vl}
tuner: [lora]
lora: {rank: 0, dropout: 1.5, alpha: "32"}
data: {train: {a: 1}, max_length: 1.5, val: 2}
pixels: {max: 28*28*x, min: -1}
train: {learning_rate: .inf, global_batch_size: yes}
launch: {gpus: [-1, a], nnodes: 0}
slurm: {partition: 1, time: [], nodes: x}
env: {A: [1]}
"""
TRAINER = """
import shutil, sys
from pathlib import Path

saved = Path(sys.argv[sys.argv.index("--output_dir") + 1], "checkpoint-2")
shutil.copytree("adapter", saved, dirs_exist_ok=True)
(saved / "trainer_state.json").write_text('{"global_step": 2}')
print({"loss": 0.5, "global_step/max_steps": "2/2"})
sys.exit(0 if Path("go").exists() else "the end of the first attempt")
"""
POINTS = Path(__file__).parents[1] / "estimate" / "points" / "models"
PROJECTION = "model.layers.0.self_attn.q_proj"
RECIPE = recipes()[0].name

# Words of a command and its exit code, in the folder of `desk`: the runs `done` and `failed` are
# there. In this order: the last ones change what is there.
CASES: list[tuple[str, int]] = [
    ("init --model Qwen2-VL-2B-Instruct --data train.jsonl --output first.yaml --yes", 0),
    ("validate config.yaml", 0),
    ("validate config.yaml --format json --data full --hardware 4xA100-80G", 0),
    ("validate config.yaml --format sarif", 0),
    ("validate recipes --data none", 0),
    ("validate mistakes.yaml", 1),
    ("validate deep.yaml", 1),
    ("explain --list", 0),
    ("explain launch.ddp-backend --format json", 0),
    ("schema", 0),
    ("schema --task rlhf", 0),
    ("plan config.yaml", 0),
    ("plan config.yaml --format json", 0),
    ("plan sized.yaml --hardware 1xA100-80G --fit --write fitting.yaml", 0),
    ("ls", 0),
    ("ls --format json --model qwen2", 0),
    (f"cat {RECIPE}", 0),
    (f"cp {RECIPE} copied.yaml", 0),
    ("train config.yaml --dry-run", 0),
    ("train config.yaml --dry-run --format json", 0),
    ("train slurm.yaml --dry-run --hardware none", 0),
    ("train kubernetes.yaml --dry-run --hardware none", 0),
    ("merge done --dry-run", 0),
    ("merge done --output merged --format json", 0),
    ("infer done a? --dry-run", 0),
    ("infer done --data rows.jsonl --format json", 0),
    ("eval done --data rows.jsonl --against merged", 0),
    ("handover done", 0),
    ("handover done --format json", 0),
    ("tokens 336x500 a.png --model qwen2_vl", 0),
    ("tokens a.png --config config.yaml --format json", 0),
    ("demo", 1),
    ("doctor config.yaml", 1),  # no torch beside the stand-in
    ("doctor --format json", 1),
    ("import old.sh", 0),
    ("import old.sh --output imported --format json", 0),
    ("import swift sft --model Qwen/Qwen2-VL-2B-Instruct --dataset a.jsonl", 0),
    ("data check train.jsonl --model qwen2_vl", 0),
    ("data check --config config.yaml --format json", 0),
    ("data convert other.json --output converted.jsonl", 0),
    ("data stats train.jsonl --model qwen2_vl", 0),
    ("data stats --config config.yaml --format json", 0),
    ("runs list", 0),
    ("runs list --format json", 0),
    ("runs show done", 0),
    ("runs show failed --format json", 0),
    ("runs logs failed", 0),
    ("runs checkpoint done", 0),
    ("runs resume failed", 0),
    ("runs stop done", 1),
    ("runs rm failed --yes", 0),
]


@dataclass(frozen=True)
class Desk:
    """A folder with something for every command."""

    folder: Path

    def vlft(self, *words: str, python: str = PYTHON) -> subprocess.CompletedProcess[str]:
        """Runs vlft, which ends in an orderly way."""
        folders = {f"XDG_{name}_HOME": str(self.folder / name) for name in ("STATE", "CACHE")}
        done = subprocess.run(
            [python, "-m", "vlft", *words],
            cwd=self.folder,
            env=os.environ | folders,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert "internal error" not in done.stderr, done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    base = make_model_folder(folder / "Qwen2-VL-2B-Instruct")
    write_model(base, {f"{PROJECTION}.weight": tensor(matrix(16, 8, 1))})
    prefix = f"base_model.model.{PROJECTION}"
    parts = {"lora_A": tensor(matrix(4, 8, 3)), "lora_B": tensor(matrix(16, 4, 4))}
    weights = {f"{prefix}.{part}.weight": values for part, values in parts.items()}
    write_adapter(folder / "adapter", base, weights)
    Image.new("RGB", (56, 84)).save(folder / "a.png")
    for name in ("train", "rows"):
        text = "".join(json.dumps(row) + "\n" for row in ROWS)
        (folder / f"{name}.jsonl").write_text(text)
    (folder / "other.json").write_text(json.dumps(OTHER_ROWS))
    (folder / "old.sh").write_text(SCRIPT)
    (folder / "mistakes.yaml").write_text(MISTAKES)
    (folder / "deep.yaml").write_text("a: " + "[" * 5000)
    (folder / "recipes").mkdir()
    (folder / "recipes" / "train.jsonl").write_text((json.dumps(ROWS[0]) + "\n") * 200)
    for recipe in recipes():
        (folder / "recipes" / recipe.file.name).write_text(recipe.file.read_text())
    sized = json.loads((POINTS / "Qwen2-VL-2B" / "config.json").read_text())
    make_model_folder(folder / "sized" / "Qwen2-VL-2B-Instruct", sized)
    write_configs(folder)
    desk = Desk(folder)
    assert desk.vlft("train", "config.yaml", "--run-id", "failed").returncode == 3
    (folder / "go").touch()
    done = desk.vlft("train", "config.yaml", "--run-id", "done")
    assert done.returncode == 0, done.stderr
    return desk


def write_configs(folder: Path) -> None:
    python = standin_interpreter(folder / "standin", torch=True)
    (site,) = (folder / "standin").glob("lib/python3.*/site-packages")
    (site / "swift" / "cli" / "sft.py").write_text(TRAINER)
    start = "model: {path: Qwen2-VL-2B-Instruct}\ndata: {train: [train.jsonl]}\n"
    launch = f"launch: {{gpus: none, python: {python}}}\n"
    (folder / "config.yaml").write_text(start + launch)
    launched = f"launch: {{python: {python}}}\n"
    (folder / "sized.yaml").write_text(start.replace("Qwen2", "sized/Qwen2") + launched)
    (folder / "slurm.yaml").write_text(f"{start}slurm: {{}}\nlaunch: {{engine: slurm, gpus: 1}}\n")
    (folder / "kubernetes.yaml").write_text(
        f"{start}kubernetes: {{image: registry/vlft}}\nlaunch: {{engine: kubernetes, gpus: 1}}\n"
    )


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The commands of vlft, those of groups with the group's name before them."""
    group = group or typer.main.get_command(app)
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if hasattr(command, "list_commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name))


def test_every_command_has_a_case() -> None:
    hidden = {"runs conclude"}
    covered = {
        one for one in commands() if any(f"{words} ".startswith(f"{one} ") for words, _ in CASES)
    }
    assert covered | hidden == set(commands())


@pytest.mark.parametrize("command", ["", *commands()])
def test_help(desk: Desk, command: str) -> None:
    assert desk.vlft(*command.split(), "--help").returncode == 0


@pytest.mark.parametrize(("words", "code"), CASES, ids=[words for words, _ in CASES])
def test_a_command_works(desk: Desk, words: str, code: int) -> None:
    done = desk.vlft(*words.split())
    assert done.returncode == code, done.stdout + done.stderr
    if "json" in words.split() or words.startswith("schema"):
        lines = done.stdout.splitlines() if words.startswith("infer") else [done.stdout]
        assert [json.loads(line) for line in lines]


@pytest.mark.parametrize("name", ["mistakes", "deep", "config", "slurm", "kubernetes"])
def test_findings_are_those_of_the_newest_versions(desk: Desk, name: str) -> None:
    lowest, here = (
        desk.vlft("validate", f"{name}.yaml", "--format", "json", python=python)
        for python in (PYTHON, sys.executable)
    )
    assert json.loads(lowest.stdout) == json.loads(here.stdout)
