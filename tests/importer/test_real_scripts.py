"""Forms that turned up in scripts of users, each in words of this project's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from round_trip import imported

TRAIN = "swift sft --model Qwen/Qwen2-VL-2B-Instruct --dataset a.jsonl"


def configs(script: str) -> list[dict[str, object]]:
    return [yaml.safe_load(one.text) for one in imported(script).configs]


def told(script: str) -> list[tuple[str, int | None]]:
    found = imported(script).findings
    return [(one.rule, one.line) for one in found if one.severity != "info"]


def test_a_backslash_without_a_blank_before_it() -> None:
    script = f"NPROC_PER_NODE=4\\\n{TRAIN} --seed 1\\\n--save_steps 50\\\n  --eval_steps 5\n"
    (config,) = configs(script)
    assert config["launch"] == {"nproc_per_node": 4}
    assert config["train"] == {"seed": 1, "save_steps": 50, "eval_steps": 5}
    # The last one is two words for bash as well: its line begins with blanks.
    assert told(script) == [("import.mended", 1), ("import.mended", 2)]


@pytest.mark.parametrize("flag", ["--model", "--learning_rate", "--dataset", "--deepspeed"])
def test_a_flag_without_its_value_is_asked_for(flag: str) -> None:
    others = [one for one in ("--model m", "--dataset a.jsonl") if not one.startswith(flag)]
    script = f"swift sft {flag} --seed 1 {' '.join(others)}"
    assert told(script) == [("import.asked", 1)]
    (finding,) = (one for one in imported(script).findings if one.rule == "import.asked")
    assert finding.message == f"`{flag}` takes a value, and no value stands behind it"


def test_a_variable_in_a_line_of_its_own_reaches_nothing() -> None:
    script = f"CUDA_VISIBLE_DEVICES=0,1\nMODEL=x\n{TRAIN}\n"
    assert told(script) == [("import.not-exported", 1)]
    assert configs(script)[0]["launch"] == {"nproc_per_node": 1}
    assert told(f"CUDA_VISIBLE_DEVICES=0\nexport CUDA_VISIBLE_DEVICES\n{TRAIN}\n") == []
    used = "NPROC_PER_NODE=2\ntorchrun --nproc_per_node $NPROC_PER_NODE swift/cli/sft.py"
    assert told(f"{used} --model m --dataset a.jsonl\n") == []


def test_a_function_is_read_where_it_is_called() -> None:
    script = (
        "run() {\n  local gpu=$1\n  shift\n"
        f'  CUDA_VISIBLE_DEVICES=$gpu {TRAIN} --seed $SEED "$@"\n}}\n'
        "SEED=7\nrun 0 --learning_rate 1e-4 || exit 1\nSEED=8 run 1 --run_name 'b c'\n"
    )
    assert told(script) == []
    first, second = configs(script)
    assert first["launch"] == {"gpus": [0], "nproc_per_node": 1}
    assert first["train"] == {"learning_rate": "1e-4", "seed": 7}
    assert second["train"] == {"seed": 8}
    assert second["swift"] == {"run_name": "b c"}
    assert "SEED" not in str(first.get("env"))


def test_a_function_that_nothing_calls_is_told() -> None:
    script = f"f() {{\n  {TRAIN} --seed $1\n}}\n"
    assert told(script) == [("import.control-flow", 1), ("import.asked", 2)]


def test_functions_that_call_each_other_end() -> None:
    script = f"f() {{ g; }}\ng() {{ f; {TRAIN}; }}\nf\n"
    assert len(configs(script)) < 10
    calls = "; ".join(f"f{index + 1}" for index in range(40))
    many = "\n".join(f"f{i}() {{ {calls}; {TRAIN}; }}" for i in range(40))
    assert imported(f"{many}\nf0\n").configs


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("$(echo $G | tr ',' '\\n' | wc -l)", 3),
        ("$(echo $G | awk -F',' '{print NF}')", 3),
        ("`echo $G | tr , '\\n' | wc -l`", 3),
        ('$(echo "${G//,/ }" | wc -w)', None),
        ("$(echo $G | cut -d, -f3)", None),
        ("$(seq 4 9 | head -n 1)", None),
        ("$(( $(echo 2) + 1 ))", None),
        ("$(echo $G | sort | wc -l)", None),
        ("$(cat gpus | wc -l)", None),
        ("$(nproc)", None),
    ],
)
def test_pipes_of_small_programs(value: str, number: int | None) -> None:
    script = f"G=5,6,7\nNPROC_PER_NODE={value} {TRAIN}\n"
    if number is None:
        assert told(script) == [("import.asked", 2)]
    else:
        assert told(script) == []
        assert configs(script)[0]["launch"] == {"nproc_per_node": number}


def test_gpus_counted_by_seq() -> None:
    (config,) = configs(f"CUDA_VISIBLE_DEVICES=$(seq -s, 0 3) NPROC_PER_NODE=4 {TRAIN}")
    assert config["launch"] == {"gpus": [0, 1, 2, 3], "nproc_per_node": 4}


@pytest.mark.parametrize(
    "around",
    [
        "bash -lc 'cd /w && {}'", 'ssh node2 "{}"', "tmux new -d -s t '{}'",
        "screen -dmS t bash -c '{}'", "srun --nodes=$N bash -c '{}'", "sbatch --wrap='{}'",
        "sbatch --gpus 1 --wrap '{}'", "timeout 10h {}", "uv run {}", "docker run image {}",
    ],
)  # fmt: skip
def test_a_command_inside_of_another(around: str) -> None:
    (config,) = configs(around.format(f"{TRAIN} --seed 3"))
    assert config["train"] == {"seed": 3}


def test_what_an_inner_shell_can_not_know_is_asked() -> None:
    script = (
        "M=$(scontrol show hostnames | head -n 1)\n"
        f"srun bash -c 'NNODES=2 NODE_RANK=$SLURM_NODEID MASTER_ADDR='\"$M\"' {TRAIN}'\n"
    )
    asked = [one.path for one in imported(script).findings if one.severity == "error"]
    assert asked == ["launch.master_addr"]


def test_a_host_file_names_the_nodes() -> None:
    script = "deepspeed --hostfile=h.txt swift/cli/sft.py --model m --dataset a.jsonl"
    asked = [one.path for one in imported(script).findings if one.severity == "error"]
    assert asked == ["launch.nnodes"]


def test_a_config_file_of_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text("model: m\ndataset: [a.jsonl]\ntrain_type: full\nseed: 1\n")
    (config,) = configs("swift sft --learning_rate 1e-4 --config c.yaml --seed 2\n")
    assert (config["tuner"], config["train"]) == ("full", {"learning_rate": "1e-4", "seed": 2})
    assert told("swift sft --config $C --model m --dataset a.jsonl") == [("import.asked", 1)]


def test_2_adds_files_to_data_sets_and_splits_at_commas() -> None:
    script = (
        "swift sft --model_type qwen2-vl-7b-instruct --sft_type lora --dataset a.jsonl,b.jsonl "
        "--custom_train_dataset_path c.jsonl --custom_val_dataset_path v.jsonl "
        "--lora_target_modules q_proj,k_proj --truncation_strategy ignore"
    )
    (config,) = configs(script)
    assert config["data"]["train"] == ["a.jsonl", "b.jsonl", "c.jsonl"]  # type: ignore[index]
    assert config["data"]["val"] == ["v.jsonl"]  # type: ignore[index]
    assert config["lora"] == {"target_modules": ["q_proj", "k_proj"]}
    assert config["swift"]["truncation_strategy"] == "delete"  # type: ignore[index]


def test_rows_of_1_are_counted_behind_the_file() -> None:
    script = "swift sft --model_type qwen2-vl-7b-instruct --sft_type lora --dataset a.jsonl"
    (config,) = configs(f"{script} --dataset_sample 500")
    assert config["data"]["train"] == ["a.jsonl#500"]  # type: ignore[index]


def test_a_default_that_is_the_same_today_is_not_written_out() -> None:
    text = imported("swift sft --sft_type lora --model_id_or_path m --dataset a.jsonl").configs
    assert "per_device_eval_batch_size" not in text[0].text


@pytest.mark.parametrize("name", ["$(which swift)", "`which swift`", '"$(command -v swift)"'])
def test_swift_wherever_it_is(name: str) -> None:
    (config,) = configs(f"torchrun --nproc_per_node 2 {name} sft --model m --dataset a.jsonl")
    assert config["launch"] == {"nproc_per_node": 2}


def test_a_question_to_swift_is_no_command() -> None:
    script = (
        "if swift sft --help | grep -q -- --tuner_type; then\n"
        f"{TRAIN} --tuner_type lora\nelse\n{TRAIN} --train_type lora\nfi\n"
    )
    assert [config.get("tuner") for config in configs(script)] == ["lora", "lora"]


def test_each_command_is_of_its_own_release() -> None:
    script = (
        "swift sft --model_type qwen2-vl-2b-instruct --sft_type lora --dataset a.jsonl\n"
        f"{TRAIN} --train_type lora\n"
    )
    first, second = configs(script)
    assert "save_steps" in first["train"]  # type: ignore[operator]
    assert "train" not in second


def test_an_array_that_is_unknown_may_hold_flags() -> None:
    script = f'mapfile -t MORE < more\n{TRAIN} --output_dir out "${{MORE[@]}}"\n'
    assert told(script) == [("import.stray", 2)]
    assert configs(script)[0]["output_dir"] == "out"


def test_what_a_script_is_called_with_is_not_empty() -> None:
    assert told(f'T="${{1:-}}"\n{TRAIN} --run_name "run-$T"\n') == [("import.asked", 2)]
    (config,) = configs("swift sft --model ${1:-m} --dataset a.jsonl")
    assert config["model"]["path"] == "m"  # type: ignore[index]


@pytest.mark.parametrize("line", ["bash a/train.sh x", "./train.sh", "nohup sh train.sh &"])
def test_a_script_that_starts_another_names_it(line: str) -> None:
    (finding,) = imported(f"echo go\n{line}\n").findings
    assert finding.rule == "import.nothing"
    assert "train.sh`: import that" in (finding.hint or "")


@pytest.mark.parametrize("flag", ["to_cached_dataset", "to_ollama", "push_to_hub"])
def test_an_export_that_vlft_does_not_do_is_told(flag: str) -> None:
    script = f"swift export --model m --{flag} true --output_dir o"
    assert told(script) == [("import.other-command", 1)]
    (config,) = imported(script).configs
    assert "vlft merge" not in config.text.partition("# Left out")[0]
    assert f"#   --{flag} true" in config.text
    assert "vlft merge" in imported(f"swift export --model m --{flag} false").configs[0].text


@pytest.mark.parametrize("command", ["export --adapters a", "infer --model m", "sft --model m"])
def test_a_secret_is_nowhere_in_what_is_imported(command: str) -> None:
    made = imported(
        f"HF_TOKEN=hf_geheim swift {command} --dataset a.jsonl "
        "--hub_token hf_geheim --hub-token=hf_geheim hf_geheim --push_to_hub_token hf_geheim"
    )
    assert made.configs
    assert "hf_geheim" not in made.configs[0].text
    assert not [one for one in made.findings if "hf_geheim" in f"{one.message} {one.hint}"]
    assert "import.secret" in [one.rule for one in made.findings]


def test_models_beside_the_trained_one_had_names_as_well() -> None:
    script = (
        "swift dpo --model_type qwen2-vl-2b-instruct --ref_model_type qwen2-vl-7b-instruct "
        "--sft_type lora --dataset a.jsonl"
    )
    (config,) = configs(script)
    assert config["swift"]["ref_model"] == "Qwen/Qwen2-VL-7B-Instruct"  # type: ignore[index]
    assert "ref_model_type" not in config["swift"]  # type: ignore[operator]
    assert ("import.dropped", 1) in told(script.replace("qwen2-vl-7b-instruct", "no-such-model"))


@pytest.mark.parametrize(
    "command",
    [
        f"{TRAIN} --seed 3 2>&1 | tee log.txt",
        f"nohup {TRAIN} --seed 3 > log.txt 2>&1 &",
        f"({TRAIN} --seed 3) |& tee -a log.txt; echo done",
        f"time {TRAIN} --seed 3 >> log 2>> errors && echo fine || exit 1",
        f"cat rows | grep -v x > a.jsonl; {TRAIN} --seed 3 < /dev/null",
        f"if {TRAIN} --seed 3; then echo fine; fi",
    ],
)
def test_pipes_logs_and_the_background_are_no_flags(command: str) -> None:
    (config,) = configs(f"{command}\n")
    assert config["train"] == {"seed": 3}
    assert "log" not in str(config)


def test_a_test_whose_words_are_known_is_decided() -> None:
    script = (
        'N=2\nARGS=(--seed 1)\n[ -n "${DEEPSPEED:-}" ] && ARGS+=(--deepspeed zero2)\n'
        '[ "$N" -gt 1 ] && ARGS+=(--save_steps 5)\n[ $N = 2 ] || ARGS+=(--eval_steps 5)\n'
        f'test -z "$N" && N=9\n{TRAIN} "${{ARGS[@]}}" --lora_rank $N\n'
    )
    assert told(script) == []
    (config,) = configs(script)
    assert config["train"] == {"seed": 1, "save_steps": 5}
    assert (config["lora"], config.get("deepspeed")) == ({"rank": 2}, None)
    notes = [one.line for one in imported(script).findings if one.rule == "import.computed"]
    assert notes == [3]  # that DEEPSPEED is not set is told


@pytest.mark.parametrize(
    "test", ['[ -n "$RANK" ]', "[ -f a ]", "[[ -d a ]]", "[[ a =~ a ]]", "test a -gt b", "[ a"]
)
def test_a_test_that_is_not_decided_leaves_a_doubt(test: str) -> None:
    assert told(f"N=1\n{test} && N=2\n{TRAIN} --seed $N\n") == [("import.asked", 3)]


def test_a_loop_that_only_gathers_flags_is_followed() -> None:
    script = (
        'DATA=(a.jsonl "b c.jsonl")\nALL=()\nTEXT=""\n'
        'for one in "${DATA[@]}" d.jsonl; do\n  ALL+=("$one")\n  TEXT="$TEXT $one"\ndone\n'
        'swift sft --model m --dataset "${ALL[@]}" --val_dataset $TEXT\n'
    )
    assert told(script) == []
    (config,) = configs(script)
    assert config["data"] == {
        "train": ["a.jsonl", "b c.jsonl", "d.jsonl"],
        "val": ["a.jsonl", "ms::b", "c.jsonl", "d.jsonl"],
    }
    unknown = script.replace('"${DATA[@]}"', "$(ls)")
    assert {rule for rule, _ in told(unknown)} == {"import.asked"}
