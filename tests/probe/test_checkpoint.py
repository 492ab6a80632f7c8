"""Model folders: real ones made by hand, and broken ones."""

from __future__ import annotations

import json
import os
import struct
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from vlft.errors import VlftError
from vlft.probe.checkpoint import read_checkpoint
from vlft.probe.safetensors import BITS

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = {
    "model_type": "qwen2_vl",
    "architectures": ["Qwen2VLForConditionalGeneration"],
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": True,
}


def safetensors(tensors: dict[str, tuple[str, list[int]]]) -> bytes:
    """A real file: zeros of the right size."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, (dtype, shape) in tensors.items():
        size = BITS[dtype] // 8
        for length in shape:
            size *= length
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, start + size]}
        start += size
    return with_header(json.dumps(header).encode(), bytes(start))


def with_header(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def make_model(folder: Path, weights: bytes | None = None, **config: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **config}))
    content = safetensors({"a": ("BF16", [2, 3])}) if weights is None else weights
    (folder / "model.safetensors").write_bytes(content)
    return folder


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


def test_a_model(tmp_path: Path) -> None:
    weights = safetensors({"lm_head.weight": ("BF16", [4, 2]), "norm": ("F32", [2])})
    folder = make_model(tmp_path / "Qwen2-VL-2B", weights)
    write_json(folder / "preprocessor_config.json", {"max_pixels": 1000})
    for name in ("training_args.bin", "optimizer.pt", "rng_state_0.pth", "README.md"):
        (folder / name).touch()
    found = read_checkpoint(folder)
    assert found.path == str(folder)
    assert (found.kind, found.model_type, found.torch_dtype) == ("model", "qwen2_vl", "bfloat16")
    assert found.architectures == ("Qwen2VLForConditionalGeneration",)
    assert found.tied_embeddings is True
    assert found.preprocessor == {"max_pixels": 1000}
    assert found.weight_files == ("model.safetensors",)
    assert found.weight_bytes == len(weights)
    assert found.tensors() == {"lm_head.weight": ("BF16", (4, 2)), "norm": ("F32", (2,))}
    assert tuple(found.problems) == found.pickle_files == found.code_files == ()
    assert found.quantization is found.adapter is found.base_model is found.args is None
    assert not found.has_auto_map


def test_a_relative_path_and_a_symlink_keep_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model(tmp_path / "0abc")
    (tmp_path / "Qwen2-VL-2B").symlink_to("0abc")
    monkeypatch.chdir(tmp_path)
    assert read_checkpoint("Qwen2-VL-2B").path == str(tmp_path / "Qwen2-VL-2B")


def test_shards(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    (folder / "model.safetensors").unlink()
    shards = {"a": "m-1.safetensors", "b": "m-2.safetensors", "c": "m-2.safetensors"}
    write_json(
        folder / "model.safetensors.index.json", {"weight_map": {**shards, "d": "m-3.safetensors"}}
    )
    (folder / "m-1.safetensors").write_bytes(safetensors({"a": ("F16", [2])}))
    whole = safetensors({"b": ("I8", [64]), "c": ("F8_E4M3", [64])})
    (folder / "m-2.safetensors").write_bytes(whole[:-1])
    found = read_checkpoint(folder)
    assert found.weight_files == ("m-1.safetensors", "m-2.safetensors", "m-3.safetensors")
    assert tuple(found.problems) == ("m-2.safetensors", "m-3.safetensors")
    assert "1 bytes of weights are missing" in found.problems["m-2.safetensors"]
    assert found.problems["m-3.safetensors"] == "is missing"
    assert found.tensors() == {"a": ("F16", (2,))}


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "", ".", "sub/../../x"])
def test_an_index_that_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = make_model(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    (tmp_path / "secret.safetensors").write_bytes(safetensors({"a": ("F16", [2])}))
    write_json(folder / "model.safetensors.index.json", {"weight_map": {"a": name}})
    found = read_checkpoint(folder)
    assert found.tensors() == {}
    assert "outside" in found.problems[name]


def test_pickles(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    (folder / "model.safetensors").unlink()
    shards = {"a": "pytorch_model-1.bin", "b": "pytorch_model-2.bin"}
    write_json(folder / "pytorch_model.bin.index.json", {"weight_map": shards})
    (folder / "pytorch_model-1.bin").write_bytes(b"12345")
    found = read_checkpoint(folder)
    assert found.weight_files == ("pytorch_model-1.bin", "pytorch_model-2.bin")
    assert found.pickle_files == ("pytorch_model-1.bin",)
    assert found.weight_bytes == 5
    assert tuple(found.problems) == ("pytorch_model-2.bin",)
    assert found.tensors() == {}


def test_no_weights_at_all(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    (folder / "model.safetensors").unlink()
    assert read_checkpoint(folder).weight_files == ()


def test_an_adapter(tmp_path: Path) -> None:
    write_json(tmp_path / "adapter_config.json", {"base_model_name_or_path": "/m/Q", "r": 8})
    write_json(tmp_path / "args.json", {"model_type": "qwen2_vl"})
    (tmp_path / "adapter_model.safetensors").write_bytes(safetensors({"lora_A": ("F32", [8, 4])}))
    found = read_checkpoint(tmp_path)
    assert (found.kind, found.base_model) == ("adapter", "/m/Q")
    assert found.adapter == {"base_model_name_or_path": "/m/Q", "r": 8}
    assert found.args == {"model_type": "qwen2_vl"}
    assert found.tensors() == {"lora_A": ("F32", (8, 4))}
    assert found.model_type is found.torch_dtype is found.tied_embeddings is None
    assert found.architectures == ()


@pytest.mark.parametrize(
    ("config", "dtype", "tied"),
    [
        ({"dtype": "float16"}, "float16", None),
        ({"torch_dtype": "torch.float32"}, "float32", None),
        ({"text_config": {"dtype": "bfloat16", "tie_word_embeddings": False}}, "bfloat16", False),
        ({"llm_config": {"torch_dtype": "bfloat16"}}, "bfloat16", None),
        ({"dtype": None, "torch_dtype": 3, "text_config": []}, None, None),
    ],
)
def test_what_is_said_elsewhere(
    tmp_path: Path, config: dict[str, Any], dtype: str | None, tied: bool | None
) -> None:
    write_json(tmp_path / "config.json", config)
    found = read_checkpoint(tmp_path)
    assert (found.torch_dtype, found.tied_embeddings) == (dtype, tied)


def test_quantised(tmp_path: Path) -> None:
    make_model(tmp_path, quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True})
    quantization = read_checkpoint(tmp_path).quantization
    assert quantization is not None
    assert quantization["load_in_8bit"] is True


def test_the_nested_image_processor_goes_first(tmp_path: Path) -> None:
    make_model(tmp_path)
    write_json(tmp_path / "preprocessor_config.json", {"from": "old"})
    write_json(tmp_path / "processor_config.json", {"processor_class": "P"})
    assert read_checkpoint(tmp_path).preprocessor == {"from": "old"}
    write_json(tmp_path / "processor_config.json", {"image_processor": {"from": "new"}})
    assert read_checkpoint(tmp_path).preprocessor == {"from": "new"}


@pytest.mark.parametrize(
    ("file", "value"),
    [
        ("config.json", {**CONFIG, "auto_map": {"AutoModel": "modeling.M"}}),
        ("config.json", {**CONFIG, "llm_config": {"auto_map": {"AutoModel": "m.M"}}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["t.T", None]}}),
        ("processor_config.json", {"image_processor": {"auto_map": {"A": "i.I"}}}),
        ("video_preprocessor_config.json", {"auto_map": {"A": "v.V"}}),
    ],
)
def test_code_that_a_config_names(tmp_path: Path, file: str, value: dict[str, Any]) -> None:
    make_model(tmp_path)
    assert not read_checkpoint(tmp_path).has_auto_map
    write_json(tmp_path / file, value)
    (tmp_path / "modeling.py").touch()
    found = read_checkpoint(tmp_path)
    assert found.has_auto_map
    assert found.code_files == ("modeling.py",)


HEADERS = {
    "cut in the length": (b"\x01\x02", "not even its header"),
    "empty": (b"", "0 bytes"),
    "cut in the header": (with_header(b"{}", length=1000), "not even its header"),
    "length beyond the format": (with_header(b"{}", length=2**63), "9223372036854775808 bytes"),
    "git lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "not json": (with_header(b"{'a': 1}"), "line 1, column 2"),
    "a list": (with_header(b"[]"), "holds a list"),
    "not text": (with_header(b'{"\xff": 1}'), "UTF-8"),
    "deep": (with_header(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "too deeply"),
    "many parts": (with_header(b'{"a":[' + b"[]," * 2_100_000 + b"[]]}"), "more parts"),
    "long number": (with_header(b'{"a":' + b"9" * 5000 + b"}"), "too long"),
    "entry is no object": (with_header(b'{"a": 1}'), "no legal type"),
    "no type": (with_header(b'{"a": {"shape": [1], "data_offsets": [0, 2]}}'), "no legal type"),
    "negative": (
        with_header(b'{"a": {"dtype": "U8", "shape": [1], "data_offsets": [-1, 0]}}'),
        "no legal type",
    ),
    "backwards": (
        with_header(b'{"a": {"dtype": "NEW", "shape": [1], "data_offsets": [2, 0]}}', b"12"),
        "no legal type",
    ),
    "three offsets": (
        with_header(b'{"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1, 2]}}', b"12"),
        "no legal type",
    ),
    "bools": (
        with_header(b'{"a": {"dtype": "U8", "shape": [true], "data_offsets": [0, 1]}}', b"1"),
        "no legal type",
    ),
    "huge offset": (
        with_header(b'{"a": {"dtype": "U8", "shape": [9], "data_offsets": [0, 1e99]}}'),
        "no legal type",
    ),
    "other size": (
        with_header(b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}', b"1234"),
        "F32 [2] in 4 bytes",
    ),
}


@pytest.mark.parametrize(("content", "message"), HEADERS.values(), ids=HEADERS)
def test_a_broken_weight_file(tmp_path: Path, content: bytes, message: str) -> None:
    found = read_checkpoint(make_model(tmp_path, content))
    assert tuple(found.problems) == ("model.safetensors",)
    assert message in found.problems["model.safetensors"]
    assert found.tensors() == {}


def test_a_type_of_the_future(tmp_path: Path) -> None:
    header = b'{"a": {"dtype": "F2", "shape": [8], "data_offsets": [0, 2]}}'
    found = read_checkpoint(make_model(tmp_path, with_header(header, b"12")))
    assert found.tensors() == {"a": ("F2", (8,))}


def test_a_large_file_costs_no_memory(tmp_path: Path) -> None:
    folder = make_model(tmp_path, with_header(b"{}", length=90_000_000))
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(10**12)  # sparse
    with (folder / "config.json").open("r+b") as file:
        file.truncate(10**10)
    tracemalloc.start()
    with pytest.raises(VlftError, match="16 MiB"):
        read_checkpoint(folder)
    write_json(folder / "config.json", CONFIG)
    assert read_checkpoint(folder).problems
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 90_000_000


def test_weights_in_an_emptied_cache(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("blobs/0abc")
    found = read_checkpoint(folder)
    assert found.weight_bytes == 0
    assert found.problems == {"model.safetensors": "is missing"}


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")
    assert read_checkpoint(folder).problems
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    with pytest.raises(VlftError, match="not a file"):
        read_checkpoint(folder)


FILES = ("config.json", "adapter_config.json", "args.json", "tokenizer_config.json")
BROKEN = {
    "cut short": (b'{\n "a": 1,\n', "line 3, column 1"),
    "a list": (b"[1]", "holds a list"),
    "null": (b"null", "holds a NoneType"),
    "bytes": (b"\xff\xfe", "UTF-8"),
    "deep": (b"[" * 200_000, "too deeply"),
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(("content", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_json(tmp_path: Path, file: str, content: bytes, message: str) -> None:
    make_model(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(VlftError, match=message) as caught:
        read_checkpoint(tmp_path)
    assert str(tmp_path / file) in caught.value.message
    assert caught.value.hint


def test_a_broken_index(tmp_path: Path) -> None:
    folder = make_model(tmp_path)
    (folder / "model.safetensors").unlink()
    write_json(folder / "model.safetensors.index.json", {"weight_map": ["a"]})
    assert read_checkpoint(folder).weight_files == ()
    (folder / "model.safetensors.index.json").write_text("{")
    with pytest.raises(VlftError, match="line 1"):
        read_checkpoint(folder)


def test_values_of_another_type(tmp_path: Path) -> None:
    config = {"model_type": 3, "architectures": "A", "quantization_config": [], "dtype": {}}
    write_json(tmp_path / "config.json", config)
    write_json(tmp_path / "adapter_config.json", {"base_model_name_or_path": 7})
    found = read_checkpoint(tmp_path)
    assert found.model_type is found.torch_dtype is found.quantization is found.base_model is None
    assert found.architectures == ()


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(VlftError, match="no folder"):
        read_checkpoint(tmp_path / "gone")
    with pytest.raises(VlftError, match="zero byte"):
        read_checkpoint("a\0b")


def test_a_file(tmp_path: Path) -> None:
    make_model(tmp_path)
    with pytest.raises(VlftError, match="is a file") as caught:
        read_checkpoint(tmp_path / "config.json")
    assert str(tmp_path) in (caught.value.hint or "")


def test_a_run_s_folder_instead_of_its_checkpoint(tmp_path: Path) -> None:
    for step in (9, 10):
        make_model(tmp_path / f"checkpoint-{step}")
    with pytest.raises(VlftError, match=r"no config\.json") as caught:
        read_checkpoint(tmp_path)
    assert str(tmp_path / "checkpoint-10") in (caught.value.hint or "")
    (tmp_path / "empty").mkdir()
    with pytest.raises(VlftError, match=r"no config\.json") as caught:
        read_checkpoint(tmp_path / "empty")
    assert caught.value.hint
