"""Base, adapter, merged and 8-bit side by side on the real ms-swift, and what is handed over."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vlft.infer.metrics import wilson

pytest.importorskip("bitsandbytes")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, colors: Path) -> Path:
    """A finished LoRA run on colours, whose config says how it is to be exported."""
    folder = tmp_path_factory.mktemp("evaluated")
    (folder / "tiny.yaml").write_text(
        f"model: {{path: {tiny_model}, freeze_vit: false}}\n"
        f"data: {{train: [{colors}], max_length: 512}}\n"
        "train: {max_steps: 12, learning_rate: 1e-2, global_batch_size: 4}\n"
        "pixels: {max: 16*28*28}\nlaunch: {gpus: none}\nexport: {quant_bits: 8}\n"
        "swift: {report_to: [none], dataloader_num_workers: 0, system: Name one colour.}\n"
    )
    words = [sys.executable, "-m", "vlft", "train", "tiny.yaml"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    (found,) = (folder / "output").iterdir()
    return found


def test_forms_of_a_model_side_by_side(vlft: Any, run: Path, colors: Path) -> None:
    asked = ("--data", str(colors), "--max-rows", "6", "--max-new-tokens", "4")
    done = vlft("eval", str(run), *asked, "--against", "base,merged,8bit", "--format", "json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    adapter, base, merged, eight = result["variants"]
    assert [one["name"] for one in result["variants"]] == ["adapter", "base", "merged", "8bit"]
    assert all(one["rows"] == 6 and one["unanswered"] == 0 for one in result["variants"])
    assert merged["metrics"] == adapter["metrics"], "a merge answers as its adapter does"
    assert merged["difference"]["exact"]["mean"] == 0
    right = round(adapter["metrics"]["exact"]["mean"] * 6)
    assert adapter["metrics"]["exact"]["low"] == pytest.approx(wilson(right, 6).low)
    assert eight["bytes"] < merged["bytes"]
    assert base["bytes"] < adapter["bytes"]
    assert all(one["rows_per_second"] > 0 for one in result["variants"])

    rows = [
        json.loads(line)
        for line in (Path(result["folder"]) / "results.jsonl").read_text().splitlines()
    ]
    data = [json.loads(line) for line in colors.read_text().splitlines()]
    assert len(rows) == 6
    for row in rows:
        assert row["answer"] == data[row["row"] - 1]["messages"][-1]["content"]
        assert (
            set(row["predictions"])
            == set(row["scores"])
            == {one["name"] for one in result["variants"]}
        )
        said = row["predictions"]["adapter"]
        assert row["scores"]["adapter"]["exact"] == float(said.strip() == row["answer"])
    record = json.loads((Path(result["folder"]) / "summary.json").read_text())
    assert record["run"] == run.name
    assert record["rows"] == [row["row"] for row in rows]


def test_every_server_is_asked_with_the_very_tokens_of_training(
    vlft: Any, run: Path, tmp_path: Path
) -> None:
    from PIL import Image

    merged = json.loads(vlft("merge", str(run), "--format", "json").out)["merged"]
    done = vlft("handover", merged, "--format", "json")
    assert done.code == 0, done.err
    handed = json.loads(done.out)
    assert handed["max_pixels"] == 16 * 28 * 28
    assert handed["system"] == "Name one colour."
    words = shlex.split(handed["vllm"])
    limits = json.loads(words[words.index("--mm-processor-kwargs") + 1])
    assert limits["max_pixels"] == 16 * 28 * 28
    assert "MAX_PIXELS=12544" in handed["swift"]

    Image.new("RGB", (400, 300), "red").save(tmp_path / "picture.jpg")
    program = handed["transformers"].replace("…", "Which colour?").replace("=512", "=4")
    program += "\nimport json\nprint(json.dumps(inputs['input_ids'][0].tolist()))\n"
    swift = (
        "import json, sys\n"
        "from swift.model import get_processor\n"
        "from swift.template import get_template\n"
        "processor = get_processor(sys.argv[1], model_type='qwen2_vl')\n"
        "template = get_template(processor, template_type='qwen2_vl')\n"
        "row = {'messages': [{'role': 'system', 'content': 'Name one colour.'},\n"
        "    {'role': 'user', 'content': '<image>Which colour?'}], 'images': ['picture.jpg']}\n"
        "print(json.dumps([int(n) for n in template.encode(row)['input_ids']]))\n"
    )
    env = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    said, theirs = output(program, tmp_path, env)[-2:]
    ours = output(swift, tmp_path, env | handed["env"], merged)[-1]
    assert theirs == ours
    tokens = json.loads(theirs)
    assert 4 < tokens.count(151655) <= 16, "the picture was shrunk to the run's limit"

    # An adapter is served under its own name, which is the one that the request says.
    adapter = json.loads(vlft("handover", str(run), "--format", "json").out)
    body = json.loads(json.dumps(adapter["request"]).replace("\\u2026", "Which colour?"))
    picture = base64.b64encode((tmp_path / "picture.jpg").read_bytes()).decode()
    image, text = body["messages"][-1]["content"]
    image["image_url"]["url"] = f"data:image/jpeg;base64,{picture}"
    assert text["text"] == "Which colour?"
    with served(adapter["swift"], tmp_path) as port:
        answer = ask(port, body | {"max_tokens": 4})
    assert answer["usage"]["prompt_tokens"] == len(tokens)
    assert answer["choices"][0]["message"]["content"] == said


def test_a_dialogue_on_a_terminal_has_the_limits_of_training(
    run: Path, colors: Path, tmp_path: Path
) -> None:
    import pty

    image = json.loads(colors.read_text().splitlines()[0])["images"][0]
    terminal, theirs = pty.openpty()
    words = [sys.executable, "-m", "vlft", "infer", str(run), "--max-new-tokens", "3"]
    talking = subprocess.Popen(words, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = read_until(terminal, "<<<")
    os.write(terminal, b"<image>Which colour?\n")
    seen += read_until(terminal, "path or URL <<<")
    os.write(terminal, f"{image}\n".encode())
    seen += read_until(terminal, "-----")
    seen += read_until(terminal, "<<<")
    os.write(terminal, b"exit\n")
    assert talking.wait() == 0, seen
    os.close(terminal)
    assert "Setting image_max_token_num: 16." in seen, "the limit of training: 16*28*28 pixels"
    assert "Name one colour." in seen, "its system prompt"


def read_until(terminal: int, text: str) -> str:
    """What a terminal shows up to a text; fails if it closes before."""
    seen = ""
    while text not in seen:
        try:
            part = os.read(terminal, 1)
        except OSError:  # Linux's way to say that the other side is closed
            part = b""
        assert part, seen[-3000:]
        seen += part.decode("latin-1")
    return seen


@contextlib.contextmanager
def served(line: str, folder: Path) -> Iterator[int]:
    """A server, started by a shell from its line; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (folder / "server.log").open("w")
    server = subprocess.Popen(
        ["sh", "-c", f"exec env {line} --host 127.0.0.1 --port {port}"],
        cwd=folder,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        while True:
            assert server.poll() is None, (folder / "server.log").read_text()[-3000:]
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.2)
        yield port
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        log.close()


def ask(port: int, body: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request in OpenAI's form."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    kind = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), kind)
    answer: dict[str, Any] = json.load(connection.getresponse())
    connection.close()
    return answer


def output(program: str, folder: Path, env: dict[str, str], *words: str) -> list[str]:
    """The lines that a program prints."""
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()
