"""Hand-made faults around a merge: refused or recovered, nothing wrong under a final name."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.standin_swift import standin_interpreter
from support.weight_files import matrix, tensor, write_adapter, write_model

pytest.importorskip("torch")

Q = "model.layers.0.self_attn.q_proj"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter whose ms-swift merges with numpy alone, and fails as it is told."""
    return standin_interpreter(tmp_path_factory.mktemp("interpreter"), torch=True)


class Place:
    """A base and an adapter, and vlft merge on them."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder, self.python = folder, python
        self.base = write_model(
            folder / "Qwen2-VL-2B-Instruct",
            {
                f"{Q}.weight": tensor(matrix(16, 8, 1)),
                "visual.patch_embed.weight": tensor(matrix(4, 4, 2)),
            },
            {"num_hidden_layers": 1},
        )
        self.adapter = self.write_adapter()
        self.merged = folder / "checkpoint-4-merged"

    def write_adapter(self, rank: int = 4, seed: int = 3, **config: Any) -> Path:
        prefix = f"base_model.model.{Q}"
        return write_adapter(
            self.folder / "checkpoint-4",
            self.base,
            {
                f"{prefix}.lora_A.weight": tensor(matrix(rank, 8, seed)),
                f"{prefix}.lora_B.weight": tensor(matrix(16, rank, seed + 1)),
            },
            **config,
        )

    def words(self, *words: str) -> list[str]:
        named = [str(self.adapter), "--python", self.python]
        return [sys.executable, "-m", "vlft", "merge", *named, *words]

    def merge(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*words),
            cwd=self.folder,
            env=os.environ | env,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def made(self, *words: str) -> dict[str, Any]:
        done = self.merge(*words, "--format", "json")
        assert done.returncode == 0, done.stderr
        shipped: dict[str, Any] = json.loads(done.stdout)
        return shipped

    def final_names(self) -> list[str]:
        return sorted(
            path.name
            for path in self.folder.iterdir()
            if path.name.startswith("checkpoint-4") and path != self.adapter
        )


@pytest.fixture
def place(tmp_path: Path, python: str) -> Place:
    return Place(tmp_path, python)


def test_what_is_right_is_merged_and_said_to_be(place: Place) -> None:
    shipped = place.made("--quant-bits", "8")
    assert shipped["verified"]["tensors"] == 2
    assert shipped["verified"]["sampled_layers"] == 1
    assert 0 <= shipped["verified"]["max_abs_error"] < 1e-5
    assert shipped["verified_quantized"]["quantized"] == 1
    again = place.merge()
    assert "was there already" in again.stdout
    assert "1 changed layers recomputed" in again.stdout


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("unmerged", "q_proj.weight` is off by up to"),
        ("dropped", "of the base is missing"),
        ("truncated", "is cut short"),
    ],
)
def test_a_wrong_merge_gets_no_final_name(fault: str, said: str, place: Place) -> None:
    done = place.merge(FAULT=fault)
    assert done.returncode == 3, done.stderr
    assert "the merged weights are not right" in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert place.final_names() == []
    assert place.made()["verified"]["tensors"] == 2, "the next try is a fresh one"


def test_a_quantisation_that_is_none_gets_no_final_name(place: Place) -> None:
    done = place.merge("--quant-bits", "8", FAULT="claimed")
    assert done.returncode == 3, done.stderr
    assert "none of its weights is quantised" in done.stderr
    assert place.final_names() == ["checkpoint-4-merged"]


def test_a_stale_folder_under_the_name_is_neither_used_nor_overwritten(place: Place) -> None:
    shutil.copytree(place.base, place.merged)
    before = (place.merged / "model.safetensors").read_bytes()
    shipped = place.made()
    assert shipped["merged"] == f"{place.merged}-2"
    assert (place.merged / "model.safetensors").read_bytes() == before


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def exchange(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-20] ^= 1
    file.write_bytes(bytes(data))


@pytest.mark.parametrize("spoil", [cut, exchange, Path.unlink])
def test_a_merge_that_was_spoiled_since_is_made_again(
    spoil: Callable[[Path], None], place: Place
) -> None:
    place.made()
    good = (place.merged / "model.safetensors").read_bytes()
    spoil(place.merged / "model.safetensors")
    assert "was there already" not in place.merge().stdout
    assert (place.merged / "model.safetensors").read_bytes() == good
    assert "was there already" in place.merge().stdout


def test_another_adapter_or_another_base_is_another_merge(place: Place) -> None:
    place.made()
    first = (place.merged / "model.safetensors").read_bytes()
    place.write_adapter(seed=9)
    place.made()
    second = (place.merged / "model.safetensors").read_bytes()
    other = write_model(
        place.folder / "elsewhere" / "Qwen2-VL-2B-Instruct",
        {
            f"{Q}.weight": tensor(matrix(16, 8, 50)),
            "visual.patch_embed.weight": tensor(matrix(4, 4, 2)),
        },
    )
    place.made("--base", str(other))
    third = (place.merged / "model.safetensors").read_bytes()
    assert len({first, second, third}) == 3


def other_rank(place: Place) -> None:
    place.write_adapter(rank=2, r=4)


def truncated_adapter(place: Place) -> None:
    cut(place.adapter / "adapter_model.safetensors")


def truncated_base(place: Place) -> None:
    cut(place.base / "model.safetensors")


def missing_shard(place: Place) -> None:
    (place.base / "model.safetensors").rename(place.base / "model-00001-of-00002.safetensors")
    shards = {
        f"{Q}.weight": "model-00001-of-00002.safetensors",
        "visual.patch_embed.weight": "model-00002-of-00002.safetensors",
    }
    (place.base / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))


def other_model(place: Place) -> None:
    write_model(place.base, {f"{Q}.weight": tensor(matrix(32, 8, 1))})


def another_family(place: Place) -> None:
    write_model(place.base, {"model.layers.0.attn.wqkv.weight": tensor(matrix(16, 8, 1))})


def quantised_base(place: Place) -> None:
    config = {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    write_model(place.base, {f"{Q}.weight": tensor(matrix(16, 8, 1))}, config)


def not_mergeable(place: Place) -> None:
    place.write_adapter(peft_type="LOHA")


def base_gone(place: Place) -> None:
    shutil.rmtree(place.base)


@pytest.mark.parametrize(
    ("spoil", "said", "helps"),
    [
        (other_rank, "have rank 2, adapter_config.json says 4", "same checkpoint"),
        (truncated_adapter, "adapter_model.safetensors is cut short", "download it again"),
        (truncated_base, "model.safetensors is cut short", "download it again"),
        (missing_shard, "model-00002-of-00002.safetensors is missing", "download it again"),
        (other_model, "as [16, 8], but in", "--base DIR"),
        (another_family, "q_proj, not found in", "--base DIR"),
        (quantised_base, "is quantised", "--base DIR"),
        (not_mergeable, "LOHA can't be merged", "vlft infer"),
        (base_gone, "is gone", "--base DIR"),
    ],
)
def test_what_can_not_work_is_refused_before_anything_is_started(
    spoil: Callable[[Place], None], said: str, helps: str, place: Place
) -> None:
    spoil(place)
    done = place.merge()
    assert done.returncode == 1, done.stderr
    assert said in done.stderr
    assert helps in done.stderr
    assert place.final_names() == []
    assert not list(place.folder.glob(".*partial*")), "nothing was started"


def test_a_base_that_was_trained_on_afterwards_is_not_the_adapters(place: Place) -> None:
    run = place.folder / "output" / "run-20260101-000000-abcd"
    (run / "checkpoints").mkdir(parents=True)
    shutil.copytree(place.adapter, run / "checkpoints" / "checkpoint-4")
    place.adapter = run / "checkpoints" / "checkpoint-4"
    started = time.time() - 3600
    moment = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(started))
    (run / "run.json").write_text(json.dumps({"id": run.name, "started": moment}))
    refused = place.merge()
    assert refused.returncode == 1
    assert "after the training on it had begun" in refused.stderr
    assert "--trust-base" in refused.stderr
    assert not (run / "exports").exists()
    assert place.made("--trust-base")["verified"]["sampled_layers"] == 1
    os.utime(place.base / "model.safetensors", (started - 60, started - 60))
    assert place.made()["verified"]["sampled_layers"] == 1


def test_a_recorded_base_is_known_by_its_content(place: Place) -> None:
    from vlft.probe.checkpoint import read_checkpoint
    from vlft.runs.exports import mark_weights

    run = place.folder / "output" / "run-20260101-000000-abcd"
    (run / "checkpoints").mkdir(parents=True)
    shutil.copytree(place.adapter, run / "checkpoints" / "checkpoint-4")
    place.adapter = run / "checkpoints" / "checkpoint-4"
    record = {"id": run.name, "started": "2026-01-01T00:00:00+00:00"}
    record["base"] = mark_weights(read_checkpoint(place.base))
    (run / "run.json").write_text(json.dumps(record))
    assert place.made()["verified"]["sampled_layers"] == 1, "fetched again, the same content"
    exchange(place.base / "model.safetensors")
    refused = place.merge()
    assert refused.returncode == 1
    assert "has other weights" in refused.stderr


HUB_ID = "Qwen/Qwen2-VL-2B-Instruct"
CACHES = {
    "huggingface": f"models--{HUB_ID.replace('/', '--')}/snapshots/main",
    "modelscope": f"models/{HUB_ID.replace('/', '--')}/snapshots/master",
}


@pytest.mark.parametrize("hub", CACHES)
def test_a_base_on_a_hub_is_verified_in_the_hubs_cache(hub: str, place: Place) -> None:
    cache = place.folder / "cache"
    env = {"HF_HUB_CACHE": str(cache), "MODELSCOPE_CACHE": str(cache)}
    env["USE_HF"] = "1" if hub == "huggingface" else "0"
    place.write_adapter(base_model_name_or_path=HUB_ID)
    there = cache / CACHES[hub]
    there.parent.mkdir(parents=True)
    place.base.rename(there)
    done = place.merge("--format", "json", **env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verified"]["sampled_layers"] == 1
    dry = json.loads(place.merge("--dry-run", "--format", "json", **env).stdout)
    assert dry["base"] == str(there), "these very weights, and nothing is asked of a network"
    (there / "modeling_own.py").touch()
    refused = place.merge("--dry-run", **env)
    assert (refused.returncode, "would run: modeling_own.py" in refused.stderr) == (1, True)
    assert place.merge("--dry-run", "--trust-remote-code", **env).returncode == 0
    (there / "modeling_own.py").unlink()

    # A base of another shape in the cache is refused, half a download is not taken for one.
    write_model(there, {f"{Q}.weight": tensor(matrix(32, 8, 1))})
    refused = place.merge(**env)
    assert (refused.returncode, "as [16, 8], but in" in refused.stderr) == (1, True)
    (there / "model.safetensors").unlink()
    dry = json.loads(place.merge("--dry-run", "--format", "json", **env).stdout)
    assert dry["base"] == HUB_ID


@pytest.mark.parametrize("kept", [True, False])
def test_a_base_that_the_merge_fetches_is_verified_if_it_is_kept(kept: bool, place: Place) -> None:
    cache = place.folder / "cache"
    env = {"USE_HF": "1", "HF_HUB_CACHE": str(cache), "HUB": str(place.folder / "hub")}
    there = cache / CACHES["huggingface"]
    place.write_adapter(base_model_name_or_path=HUB_ID)
    (place.folder / "hub").mkdir()
    place.base.rename(place.folder / "hub" / place.base.name)
    if kept:
        env["FETCHED"] = str(there)
    done = place.merge(**env)
    assert done.returncode == 0, done.stderr
    assert ("1 changed layers recomputed" in done.stdout) == kept
    assert ("not verified: the base is an id on a hub" in done.stdout) == (not kept)


@pytest.mark.parametrize("step", ["merge", "quantise"])
def test_a_kill_in_the_middle_leaves_nothing_and_the_next_one_works(
    step: str, place: Place
) -> None:
    words = ("--quant-bits", "8") if step == "quantise" else ()
    before = ["checkpoint-4-merged"] if words else []
    if words:
        place.made()
    running = subprocess.Popen(
        place.words(*words),
        cwd=place.folder,
        env=os.environ | {"FAULT": "slow"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not list(place.folder.glob(".*partial*/weights/model.safetensors")):
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert place.final_names() == before
    shipped = place.made(*words)
    assert shipped["verified"]["tensors"] == 2
    assert (shipped["verified_quantized"] is not None) == bool(words)
    assert not list(place.folder.glob(".*partial*"))


def test_a_disk_without_room_is_known_before(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from vlft.errors import VlftError
    from vlft.export import plan as export_plan
    from vlft.export.plan import Request
    from vlft.runs.target import ExportSettings, resolve_target

    monkeypatch.setattr(export_plan, "free_bytes", lambda _: 1_000_000)
    request = Request(ExportSettings(python=place.python))
    with pytest.raises(VlftError, match="GB free") as refused:
        export_plan.plan_export(resolve_target(str(place.adapter)), request)
    assert "--output" in (refused.value.hint or "")


def test_memory_that_is_not_there_is_known_before(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vlft.errors import VlftError
    from vlft.export import plan as export_plan
    from vlft.export.plan import Request
    from vlft.runs.target import ExportSettings, resolve_target

    small = replace(export_plan.probe_hardware(), memory_bytes=500_000_000)
    monkeypatch.setattr(export_plan, "probe_hardware", lambda: small)
    said = r"takes 1\.0 GB of main memory, and there are 0\.5 GB"
    request = Request(ExportSettings(python=place.python))
    with pytest.raises(VlftError, match=said) as refused:
        export_plan.plan_export(resolve_target(str(place.adapter)), request)
    assert "larger machine" in (refused.value.hint or "")


@pytest.mark.parametrize("name", ["tuner_type", "train_type"])
def test_a_tuner_that_ms_swift_can_not_merge_is_named(name: str, place: Place) -> None:
    (place.adapter / "args.json").write_text(json.dumps({name: "vera"}))
    refused = place.merge()
    assert (refused.returncode, "an adapter of vera can't be merged" in refused.stderr) == (1, True)
    assert "lora, longlora, llamapro, adalora" in refused.stderr
    (place.adapter / "args.json").write_text(json.dumps({name: "longlora"}))
    assert place.merge("--dry-run").returncode == 0


def test_a_merge_after_qlora_is_told_nothing_of_a_quantisation(place: Place) -> None:
    from vlft.export.step import without_quantization
    from vlft.probe.checkpoint import read_checkpoint

    said = {"quant_method": "bnb", "quant_bits": 4, "model": str(place.base), "system": "Hi"}
    (place.adapter / "args.json").write_text(json.dumps(said))
    (step,) = json.loads(place.merge("--dry-run", "--format", "json").stdout)["steps"]
    assert step["argv"][step["argv"].index("--adapters") + 1] == "ADAPTER"
    assert place.made()["verified"]["sampled_layers"] == 1

    adapter = read_checkpoint(place.adapter)
    seen = read_checkpoint(without_quantization(adapter, place.folder / "work"))
    assert seen.args == said | {"quant_method": None, "quant_bits": None}
    assert seen.tensors() == adapter.tensors()
    assert json.loads((place.adapter / "args.json").read_text()) == said, "left as it is"
    (place.adapter / "args.json").write_text(json.dumps({"system": "Hi", "quant_bits": None}))
    plain = read_checkpoint(place.adapter)
    assert without_quantization(plain, place.folder / "other") == place.adapter


def test_a_checkpoint_of_ms_swift_2_has_no_args_json(place: Place) -> None:
    place.write_adapter(base_model_name_or_path=None)
    done = place.merge()
    assert (done.returncode, "does not say what model" in done.stderr) == (1, True)
    old = {"model_id_or_path": str(place.base), "system": "Be brief.", "dtype": "fp16"}
    (place.adapter / "sft_args.json").write_text(json.dumps(old))
    dry = json.loads(place.merge("--dry-run", "--format", "json").stdout)
    (step,) = dry["steps"]
    words = step["argv"]
    assert dry["base"] == str(place.base)
    assert words[words.index("--system") + 1] == "Be brief."
    assert words[words.index("--torch_dtype") + 1] == "float16"
    assert words[words.index("--template") + 1] == "qwen2_vl"
    assert place.final_names() == []


def test_several_are_all_looked_at_before_the_first_is_started(place: Place) -> None:
    first, second = place.adapter, place.folder / "checkpoint-8"
    shutil.copytree(first, second)
    shipped = place.made(str(second))
    assert [Path(one["merged"]).name for one in shipped] == [
        "checkpoint-4-merged",
        "checkpoint-8-merged",
    ]
    shutil.rmtree(place.merged)
    cut(second / "adapter_model.safetensors")
    assert place.merge(str(second)).returncode == 1
    assert not place.merged.exists()
    both = place.merge(str(second), "--output", "x")
    assert (both.returncode, "2 checkpoints" in both.stderr) == (2, True)
