"""Branches and loops of a script: what its words decide is followed, the rest is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from round_trip import SWIFT, imported

from vlft.importer.importing import import_text
from vlft.importer.launchers import Start

TRAIN = "swift sft --model Qwen/Qwen2-VL-2B-Instruct --dataset a.jsonl"


def configs(script: str, start: Start | None = None) -> list[dict[str, dict[str, object]]]:
    made = import_text(script.encode(), "train.sh", SWIFT, start=start)
    return [yaml.safe_load(one.text) for one in made.configs]


def told(script: str) -> list[tuple[str, int | None]]:
    found = imported(script).findings
    return [(one.rule, one.line) for one in found if one.severity != "info"]


def seeds(script: str, start: Start | None = None) -> list[object]:
    return [one.get("train", {}).get("seed") for one in configs(script, start)]


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        ("for s in 1 2 3; do", [1, 2, 3]),
        ("for s in {4..6}; do", [4, 5, 6]),
        ("for s in $(seq 2); do", [1, 2]),
        ("ALL=(7 9)\nfor s in ${ALL[@]}; do", [7, 9]),
        ("for ((s = 0; s < 3; s++)); do", [0, 1, 2]),
        ("s=0\nwhile (( s < 2 )); do\ns=$((s + 1))", [1, 2]),
        ("for s in 1 2 3; do\n[ $s -eq 2 ] && continue", [1, 3]),
        ("for s in 1 2 3; do\nif [ $s = 2 ]; then break; fi", [1]),
        ("for s in 1 2; do for s in $s${s}; do :; done", [11, 22]),
    ],
)
def test_a_loop_is_a_config_for_each_pass(head: str, wanted: list[int]) -> None:
    script = f"{head}\n  {TRAIN} --seed $s\ndone\n"
    assert told(script) == []
    assert seeds(script) == wanted


def test_a_config_tells_its_pass() -> None:
    script = f"for lr in 1e-4 2e-5; do for s in 1 2; do\n{TRAIN} --seed $s --learning_rate $lr\n"
    made = imported(f"{script}done; done\n").configs
    assert [one.name for one in made] == [f"train-{number}.yaml" for number in (1, 2, 3, 4)]
    assert "pass lr=2e-5, s=1 of a loop" in made[2].text


@pytest.mark.parametrize(
    "head",
    [
        "for s in $(ls); do", "for s in {1..65}; do", "for s in {1..9}; do for a in {1..9}; do",
        "while read -r s; do", "while true; do", "for ((s = 0; s >= 0; s++)); do",
        "for s in *.jsonl; do", "select s in 1 2; do",
    ],
)  # fmt: skip
def test_a_loop_that_is_not_known_or_too_long_is_told(head: str) -> None:
    ends = "done\n" * head.count("do")
    script = f"{head}\n{TRAIN} --seed $s\n{ends}"
    assert len(configs(script)) <= 9
    assert {rule for rule, _ in told(script)} == {"import.control-flow", "import.asked"}


@pytest.mark.parametrize(
    ("test", "wanted"),
    [
        ('[ "$N" -gt 1 ]', 1),
        ("[[ $N == 4 && ! $KIND == full ]]", 1),
        ("[[ $KIND == lo* || -d x ]]", 1),
        ("(( N % 2 == 1 ))", 2),
        ('[ -z "$KIND" -o $N -lt 2 ]', 2),
        ('! [ "$KIND" = lora ]', 2),
        ("true && [ $N -eq 4 ]", 1),
    ],
)
def test_a_branch_whose_words_are_known_is_taken(test: str, wanted: int) -> None:
    script = (
        f"N=4\nKIND=lora\nif {test}; then\n  S=1\n  {TRAIN} --seed 1\nelse\n  S=2\n"
        f"  {TRAIN} --seed 2\nfi\n{TRAIN} --seed $S$S\n"
    )
    assert seeds(script) == [wanted, 11 * wanted]
    assert told(script) == [("import.control-flow", 8 if wanted == 1 else 5)]  # the other one


def test_a_case_whose_word_is_known_is_taken() -> None:
    script = (
        'SIZE=${SIZE:-7b}\ncase "$SIZE" in\n  2b) ARGS="--seed 2" ;;\n'
        '  7*|72b) ARGS="--seed 7" ;;\n  *) echo no; exit 1 ;;\nesac\n'
        f"{TRAIN} $ARGS\n"
    )
    assert seeds(script) == [7]
    assert told(script) == []
    assert seeds(script, Start(env={"SIZE": "2b"})) == [2]


def test_a_function_that_nothing_calls_is_read_by_itself() -> None:
    script = (
        "S=1\nnever() {\n  inner() { S=3; }\n  [ -f x ] || { echo no; return 1; }\n"
        f"  if true; then S=2; fi\n  {TRAIN} --seed $S\n  exit 0\n}}\n{TRAIN} --seed $S\n"
    )
    assert seeds(script) == [2, 1]
    assert told(script) == [("import.control-flow", 2)]


def test_what_never_runs_is_told() -> None:
    script = f"{TRAIN}\nexit 0\n{TRAIN} --seed 1\nswift infer --model m\n"
    assert len(configs(script)) == 1
    assert told(script) == [("import.control-flow", 3), ("import.control-flow", 4)]


def test_a_script_that_stops_without_a_variable_asks_for_it() -> None:
    script = (
        'OUT="${OUT:-}"\nif [ -z "$OUT" ]; then\n  echo usage\n  exit 1\nfi\n'
        f"{TRAIN} --output_dir $OUT\n"
    )
    (asked,) = (one for one in imported(script).findings if one.severity == "error")
    assert (asked.rule, asked.path) == ("import.asked", "output_dir")
    assert configs(script, Start(env={"OUT": "o"}))[0]["output_dir"] == "o"


@pytest.mark.parametrize(
    "guard",
    [
        '[ -z "$OUT" ] && exit 1', '[ -z "$OUT" ] && { echo usage; exit 2; }',
        '[ -n "$OUT" ] || usage', 'if [[ -z $OUT ]]; then usage; fi',
        'if [ $# -lt 1 ]; then usage; fi; [ $# -eq 0 ] && exit', '[ -z "$1" ] && exit 0',
    ],
)  # fmt: skip
def test_a_script_that_was_not_called_as_it_has_to_be_is_read_on(guard: str) -> None:
    script = f"usage() {{ echo usage; exit 1; }}\n{guard}\n{TRAIN} --output_dir $OUT/x --seed 1\n"
    made = imported(script)
    assert [one.path for one in made.findings if one.severity == "error"] == ["output_dir"]
    assert seeds(script, Start(("a",), {"OUT": "o"})) == [1]


def test_a_gate_that_is_closed_unless_told_is_read_as_open() -> None:
    script = f'if [ "${{RUN:-0}}" = 1 ]; then\n  {TRAIN}\nfi\n[ -n "$EVAL" ] && {TRAIN} --seed 1\n'
    assert seeds(script) == [None, 1]
    assert ("import.control-flow", 1) in told(script)


OPTIONS = [
    'while [ $# -gt 0 ]; do\ncase "$1" in --seed) S="$2"; shift 2 ;; *) shift ;; esac\ndone\n',
    'while getopts "s:" o; do\n  case $o in s) S=$OPTARG ;; esac\ndone\n',
    'for one in "$@"; do\n  S=$one\ndone\n',
    'if [ -n "$1" ]; then S=$2; fi\n',
    'if [[ $# -ge 1 ]]; then\n  S="$2"\nfi\n',
    'while [[ $# -gt 0 ]]; do\nif [[ "$1" == --seed ]]; then S=$2; fi\nshift\ndone\n',
]


@pytest.mark.parametrize("reads", OPTIONS)
def test_a_script_that_reads_options_keeps_its_defaults(reads: str) -> None:
    script = f"S=5\n{reads}{TRAIN} --seed $S\n"
    assert told(script) == []
    assert seeds(script) == [5]
    notes = [one.message for one in imported(script).findings if one.rule == "import.computed"]
    assert any("without words" in note for note in notes)


@pytest.mark.parametrize("reads", [OPTIONS[0], OPTIONS[3], OPTIONS[4]])
def test_words_behind_a_script_are_its_own(reads: str) -> None:
    script = f'S=5\n{reads}{TRAIN} --seed $S --run_name "${{9:-x}}"\n'
    assert seeds(script, Start(("--seed", "8"))) == [8]


def test_what_an_unknown_branch_adds_leaves_the_rest_known() -> None:
    script = (
        'CMD="swift sft --model m --dataset a.jsonl"\nARGS=(--seed 1)\n'
        'if [ -d last ]; then\nCMD="$CMD --resume_from_checkpoint last"\n'
        "ARGS+=(--save_steps 5)\nfi\n"
        '[ -f v ] && CMD+=" --val_dataset v"\nCMD="$CMD --seed 1"\neval "$CMD"\n$CMD\n'
        'swift sft --model m --dataset a.jsonl "${ARGS[@]}"\n'
    )
    made = imported(script)
    assert [one.rule for one in made.findings if one.severity == "error"] == []
    assert seeds(script) == [1, 1, 1]
    assert "`--resume_from_checkpoint last`" in made.configs[0].text
    assert "`--val_dataset v`" in made.configs[1].text
    assert "`--save_steps 5`" in made.configs[2].text
    assert {rule for rule, _ in told(script)} == {"import.stray"}


def test_the_scripts_own_folder_is_known(tmp_path: Path) -> None:
    script = (
        'HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"\nROOT=$(dirname "$HERE")\n'
        'UP=$(cd "$(dirname "$0")/.." >/dev/null 2>&1 && pwd)\n'
        'swift sft --model $ROOT/m --dataset "$UP/a.jsonl" --deepspeed $(realpath $HERE/z.json)\n'
    )
    name = str(tmp_path / "scripts" / "train.sh")
    (made,) = import_text(script.encode(), name, SWIFT).configs
    config = yaml.safe_load(made.text)
    assert config["model"]["path"] == f"{tmp_path}/m"
    assert config["data"]["train"] == [f"{tmp_path}/a.jsonl"]
    assert config["deepspeed"] == f"{tmp_path}/scripts/z.json"
    unnamed = import_text(script.encode(), None, SWIFT)
    assert "import.asked" in [one.rule for one in unnamed.findings]


def test_slurm_tells_a_job_how_many_nodes_it_has() -> None:
    script = (
        "#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --gres=gpu:a100:8  # all\n#SBATCH --time=1-0\n"
        "export NNODES=$SLURM_NNODES NPROC_PER_NODE=$SLURM_GPUS_ON_NODE MASTER_ADDR=h\n"
        f"srun {TRAIN}\n"
    )
    assert configs(script)[0]["launch"]["nnodes"] == 2
    assert configs(script)[0]["launch"]["nproc_per_node"] == 8
    (asked_for,) = imported(script.replace("ADDR=h", "ADDR=$(scontrol show hostnames)")).configs
    assert "!ask '$(scontrol show hostnames)'" in asked_for.text
    few = script.replace("--nodes=2", "--nodes=2-4")
    asked = [one.path for one in imported(few).findings if one.severity == "error"]
    assert asked == ["launch.nnodes"]


def test_a_port_by_chance_is_left_to_vlft() -> None:
    script = f"export MASTER_PORT=$((20000 + RANDOM % 1000)) NPROC_PER_NODE=2\n{TRAIN}\n"
    assert told(script) == []
    assert "master_port" not in configs(script)[0]["launch"]
    assert told(script.replace("NPROC", "NNODES=2 NPROC")) == [("import.asked", 1)]
