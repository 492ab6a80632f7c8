"""No key of the schema does nothing: changing it changes what is run, or what is allowed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_origin

import pytest
from msgspec import to_builtins
from pydantic import BaseModel

from vlft.config.schema import config_with
from vlft.engines import section_names
from vlft.engines.base import Order, dry_run_text
from vlft.pipeline import Ready, Rejected, prepare
from vlft.plan import render
from vlft.probe.hardware import parse_hardware
from vlft.runs.create import run_folder
from vlft.runs.target import read_settings

SLURM = ["launch.engine=slurm"]
SLURM_KEYS = {
    "partition": ("a", "b"),
    "account": ("a", "b"),
    "qos": ("a", "b"),
    "time": ("60", "1-0"),
    "constraint": ("a", "b"),
    "exclude": ("a", "b"),
    "reservation": ("a", "b"),
    "dependency": ("afterok:1", "afterok:2"),
    "cpus_per_task": ("4", "8"),
    "mem": ("64G", "1024"),
    "gres": ("nvme:1", "nvme:2"),
    "comment": ("a", "b"),
    "extra": ("['--mail-type=END']", "['--mail-type=ALL']"),
    "setup": ("[module load a]", "[module load b]"),
    "env_file": ("a.env", "b.env"),
    "container.image": ("a", "b"),
    "requeue": ("true", "false"),
}
KUBERNETES = ["launch.engine=kubernetes", "kubernetes.image=a", "launch.gpus=2"]
KUBERNETES_KEYS = {
    "image": ("a", "b"),
    "namespace": ("a", "b"),
    "runtime": ("a", "b"),
    "gpu_resource": ("amd.com/gpu", "nvidia.com/gpu"),
    "resources": ("{cpu: 8}", "{memory: 8Gi}"),
    "shared_memory": ("8Gi", "16Gi"),
    "volumes": ("[{mount: /a, claim: a}]", "[{mount: /a, host_path: /a}]"),
    "node_selector": ("{a: b}", "{a: c}"),
    "tolerations": ("[{key: a}]", "[{key: a, value: b}]"),
    "service_account": ("a", "b"),
    "secrets": ("{HF_TOKEN: a/b}", "{HF_TOKEN: a/c}"),
    "image_pull_secrets": ("[a]", "[b]"),
}

# Key → two values that must lead to different runs; beside it what else the run needs.
EXAMPLES: dict[str, tuple[str, str, list[str]]] = {
    "task": ("sft", "pt", []),
    "model.path": ("Qwen2-VL-2B-Instruct", "other", []),
    "model.hub": ("modelscope", "huggingface", ["model.path=Qwen/Qwen2-VL-2B-Instruct"]),
    "model.revision": ("main", "v2", []),
    "model.type": ("qwen2_vl", "qwen2_5_vl", []),
    "model.torch_dtype": ("float32", "bfloat16", []),
    "model.attn_impl": ("sdpa", "eager", []),
    "model.freeze_llm": ("false", "true", []),
    "model.freeze_vit": ("true", "false", []),
    "model.freeze_aligner": ("true", "false", []),
    "model.trust_remote_code": ("true", "false", ["model.path=with-code"]),
    "tuner": ("lora", "full", []),
    "lora.rank": ("8", "16", []),
    "lora.alpha": ("8", "16", []),
    "lora.dropout": ("0.0", "0.1", []),
    "lora.target_modules": ("all-linear", "[q_proj, k_proj]", []),
    "quant.bits": ("4", "8", ["quant.method=bnb"]),
    "quant.method": ("bnb", "hqq", ["quant.bits=4"]),
    "data.train": ("[train.jsonl]", "[train.jsonl#1]", []),
    "data.val": ("0.1", "[train.jsonl]", []),
    "data.max_length": ("1024", "2048", []),
    "pixels.min": ("4*28*28", "8*28*28", []),
    "pixels.max": ("256*28*28", "1024*28*28", []),
    "pixels.tiles": ("6", "12", ["model.path=InternVL2-2B"]),
    "pixels.video.min": ("4*28*28", "8*28*28", []),
    "pixels.video.max": ("256*28*28", "512*28*28", []),
    "pixels.video.fps": ("1", "2.0", []),
    "pixels.video.min_frames": ("2", "4", []),
    "pixels.video.max_frames": ("16", "32", []),
    "pixels.video.tiles": ("1", "2", ["model.path=InternVL2-2B"]),
    "train.num_train_epochs": ("1", "2.5", []),
    "train.max_steps": ("10", "20", []),
    "train.learning_rate": ("1e-4", "2e-4", []),
    "train.global_batch_size": ("16", "32", []),
    "train.per_device_train_batch_size": ("1", "2", []),
    "train.gradient_accumulation_steps": ("1", "2", []),
    "train.per_device_eval_batch_size": ("1", "2", []),
    "train.gradient_checkpointing": ("true", "false", []),
    "train.seed": ("1", "2", []),
    "train.save_steps": ("10", "20", []),
    "train.eval_steps": ("10", "20", []),
    "train.save_total_limit": ("1", "2", []),
    "train.resume_from_checkpoint": ("a", "b", []),
    "deepspeed": ("zero2", "zero3", ["launch.gpus=4"]),
    "launch.gpus": ("4", "[3, 2, 1, 0]", ["launch.nproc_per_node=2"]),
    "launch.nproc_per_node": ("1", "2", []),
    "launch.nnodes": ("2", "3", ["launch.master_addr=host", "launch.master_port=29500"]),
    "launch.sequence_parallel_size": ("1", "2", ["launch.nproc_per_node=2"]),
    "launch.master_addr": ("a", "b", ["launch.nnodes=2", "launch.master_port=29500"]),
    "launch.master_port": ("29500", "29501", ["launch.nproc_per_node=2"]),
    "launch.python": (sys.executable, "no/such/python", []),
    "launch.engine": ("local", "slurm", []),
    **{f"slurm.{key}": (*values, SLURM) for key, values in SLURM_KEYS.items()},
    "slurm.signal_seconds": ("60", "90", [*SLURM, "slurm.requeue=true"]),
    "slurm.container.mounts": ("[/a:/a]", "[/b:/b]", [*SLURM, "slurm.container.image=a"]),
    "slurm.container.flags": ("[--a]", "[--b]", [*SLURM, "slurm.container.image=a"]),
    **{f"kubernetes.{key}": (*values, KUBERNETES) for key, values in KUBERNETES_KEYS.items()},
    "export.quant_bits": ("4", "8", []),
    "export.quant_method": ("bnb", "gptq", ["export.quant_bits=8"]),
    "export.python": ("a/python", "b/python", []),
    "export.dataset": ("[train.jsonl]", "[other.jsonl]", ["export.quant_bits=3"]),
    "export.rows": ("64", "128", ["export.quant_bits=3"]),
    "output_dir": ("a", "b", []),
    "swift": ("{logging_steps: 1}", "{logging_steps: 2}", []),
    "env": ("{NCCL_DEBUG: INFO}", "{NCCL_DEBUG: WARN}", []),
}


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys that hold a value."""
    for name, field in model.model_fields.items():
        parts = [field.annotation, *getattr(field.annotation, "__args__", ())]
        if get_origin(field.annotation) is list:
            parts = []  # of sections: written as a whole
        section = next((p for p in parts if isinstance(p, type) and issubclass(p, BaseModel)), None)
        if section is None:
            yield prefix + name
        else:
            yield from leaves(section, f"{prefix}{name}.")


def test_every_key_of_the_schema_has_an_example() -> None:
    assert set(EXAMPLES) == set(leaves(config_with(section_names())))


@pytest.fixture
def models(tmp_path: Path, make_model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where the paths of --set start
    monkeypatch.setenv("PATH", "/nowhere")  # a cluster would be asked
    make_model(tmp_path / "other", None)
    for name in ("a", "b"):  # checkpoints to go on from
        (tmp_path / name).mkdir()
        (tmp_path / name / "trainer_state.json").write_text('{"global_step": 1}')
        (tmp_path / name / "optimizer.pt").touch()
        (tmp_path / name / "adapter_config.json").write_text("{}")
    for name in ("a.env", "b.env"):
        (tmp_path / name).touch(0o600)
    coded = make_model(tmp_path / "with-code")
    (coded / "modeling_x.py").write_text("")
    make_model(
        tmp_path / "InternVL2-2B",  # a name that has one template
        {"architectures": ["InternVLChatModel"], "model_type": "internvl_chat"},
    )


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("key", EXAMPLES)
def test_a_changed_key_changes_the_run(key: str, write_config: Any, data_file: Path) -> None:
    first, second, others = EXAMPLES[key]
    config = write_config("launch: {gpus: none}\n")
    data_file.write_text(data_file.read_text() * 64)  # rows for every process and step
    made = [
        _run(prepare(config, [*others, f"{key}={value}"], parse_hardware("4xA100-80G")))
        for value in (first, second)
    ]
    assert made[0] != made[1]
    assert "error" not in made[0], "the first value is one that works"


def _run(prepared: Ready | Rejected) -> str:
    """What would be run, without what differs between any two runs."""
    errors = [f.message for f in prepared.findings if f.severity == "error"]
    if errors or isinstance(prepared, Rejected):
        return json.dumps({"error": errors})
    described = dry_run_text(Order((prepared,), run_id="x"), as_json=True)
    # A port that is chosen anew each time is not a change.
    described = re.sub(r"(?i)master_port\W+\d+", "", described)
    command = render(prepared.plan, prepared.facts.interpreter, Path("OUT"), master_port=1)
    parent = run_folder(prepared.run).parent
    # What `vlft merge` will find in the run's record.
    section = prepared.loaded.source.data.get("export")
    export = to_builtins(read_settings(section, [Path("FOLDER")]))
    shown = command.masked()
    return json.dumps([described, shown.argv, shown.env, str(parent), export])
