"""A thousand configs that share a model folder, validated in one call.

Prints the seconds of the whole process, the median of several; `--configs N` for another number.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROW = '{"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}\n'


def write_configs(folder: Path, count: int) -> None:
    """Right configs in a sweep: each differs in its learning rate, rank and seed."""
    write_stub(folder / "Qwen2-VL-2B-Instruct")
    (folder / "train.jsonl").write_text(ROW * 32)
    (folder / "sweep").mkdir()
    for number in range(count):
        (folder / "sweep" / f"{number:05}.yaml").write_text(
            "model: {path: ../Qwen2-VL-2B-Instruct}\n"
            f"lora: {{rank: {8 << number % 4}, alpha: 32}}\n"
            "data: {train: [../train.jsonl], max_length: 2048}\n"
            "pixels: {max: 1024*28*28}\n"
            f"train: {{max_steps: 8, learning_rate: {1 + number % 9}e-5, seed: {number},"
            " global_batch_size: 4}\n"
            "launch: {gpus: none}\n"
            "swift: {logging_steps: 1, report_to: [none]}\n"
        )


def write_stub(model: Path) -> None:
    """A folder that can be validated as a Qwen2-VL, not trained."""
    model.mkdir()
    (model / "config.json").write_text(
        '{"model_type": "qwen2_vl", "architectures": ["Qwen2VLForConditionalGeneration"]}'
    )
    header = b'{"lm_head.weight": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}'
    weights = len(header).to_bytes(8, "little") + header + bytes(8)
    (model / "model.safetensors").write_bytes(weights)
    for name in ("tokenizer.json", "preprocessor_config.json"):
        (model / name).write_text("{}")


def measure(count: int, repeats: int) -> float:
    """Median seconds of a whole process that validates so many configs, all of them right.

    Raises:
        RuntimeError: If one of them is not.
    """
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPATH"] = str(Path(__file__).parents[1])
    seconds = []
    with tempfile.TemporaryDirectory() as name:
        write_configs(Path(name), count)
        for _ in range(repeats + 1):
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "vlft", "validate", "sweep"],
                cwd=name,
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
            seconds.append(time.perf_counter() - began)
            if done.returncode:
                raise RuntimeError(done.stdout + done.stderr)
    return statistics.median(seconds[1:])  # the first one wrote the compiled files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configs", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    seconds = measure(options.configs, options.repeats)
    print(f"{options.configs:,} configs: {seconds:.2f} s")


if __name__ == "__main__":
    main()
