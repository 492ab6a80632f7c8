"""One cluster for all tests of this folder, and two trainers: the real one, and one that tells."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from slurm_cluster import Cluster
from support.folders import TINY_MODEL

# Stands where ms-swift would: says what reached it, and ends as it is told.
TELLER = """
import json, os, signal, sys, time
from pathlib import Path

def value(name, default=None):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default

told = Path(value("--output_dir")).parent / f"told-{os.environ.get('NODE_RANK', '0')}.json"
told.with_suffix(".part").write_text(
    json.dumps({"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd()}))
told.with_suffix(".part").rename(told)
print("the trainer is here", flush=True)
how = os.environ.get("TELLER", "")
if how == "wait" or (how == "wait-once" and "SLURM_RESTART_COUNT" not in os.environ):
    time.sleep(3600)
if how == "end-when-asked":
    while not Path(os.environ["VLFT_SAVE_AND_END"]).exists():
        time.sleep(0.05)
if how == "fail":
    raise ValueError("there are no rows")
"""

# Holds the real trainer after its fifth step, until the file `go` is there or the batch shell asks
# for the end: so a test knows where it is, whatever machine this is.
GATE = """
import os, time
from pathlib import Path
from transformers.trainer_callback import DefaultFlowCallback

usual = DefaultFlowCallback.on_step_end
asked = os.environ.get("VLFT_SAVE_AND_END", "go")
files = [Path("go"), Path(asked), Path(asked + ".taken")]  # the first rank may be quicker

def on_step_end(self, args, state, control, **kwargs):
    while state.global_step == 5 and not any(file.exists() for file in files):
        time.sleep(0.05)
    return usual(self, args, state, control, **kwargs)

DefaultFlowCallback.on_step_end = on_step_end
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("slurm")


def _missing() -> str | None:
    """Why no cluster can be started here; None if one can."""
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    words = ["unshare", "--net", "--mount", "--uts", "true"]
    if shutil.which("unshare") is None or subprocess.run(words, check=False).returncode != 0:
        return "needs network namespaces, which this machine does not allow"
    return None


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes of four claimed cores each; skipped where there can be none, but not in CI."""
    running = Cluster(tmp_path_factory.mktemp("slurm"))
    problem = _missing()
    try:
        if problem is None:
            try:
                running.up()
            except (RuntimeError, OSError) as error:
                problem = str(error)
        if problem is not None and os.environ.get("CI") == "true":
            pytest.fail(f"a real Slurm: {problem}")
        if problem is not None:
            pytest.skip(f"a real Slurm: {problem}")
        yield running
    finally:
        running.down()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2-VL of a few layers with random weights."""
    folder = tmp_path_factory.mktemp("models") / "Qwen2-VL-2B-Instruct"
    words = [sys.executable, TINY_MODEL, "--family", "qwen2_vl", "--output", folder]
    subprocess.run(words, check=True, capture_output=True)
    return folder


@pytest.fixture
def real_config(tmp_path: Path, tiny_model: Path) -> Callable[..., Path]:
    """Writes a config that really trains, on CPUs, and waits for the file `go` at step 5."""
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    (tmp_path / "rows.jsonl").write_text((json.dumps(row) + "\n") * 32)
    (tmp_path / "gate.py").write_text(GATE)

    def write(
        *, steps: int, save_steps: int, nodes: int = 1, processes: int = 1, requeue: bool = True
    ) -> Path:
        file = tmp_path / "real.yaml"
        file.write_text(
            f"model: {{path: {tiny_model}}}\n"
            "data: {train: [rows.jsonl], max_length: 256}\n"
            "pixels: {max: 16*28*28}\n"
            f"train: {{max_steps: {steps}, save_steps: {save_steps}, learning_rate: 1e-3,\n"
            "  global_batch_size: 4}\n"
            f"launch: {{engine: slurm, gpus: none, nnodes: {nodes}, nproc_per_node: {processes}}}\n"
            f"slurm: {{partition: main, time: 60, requeue: {str(requeue).lower()}}}\n"
            "swift: {logging_steps: 1, report_to: [none], dataloader_num_workers: 1,\n"
            f"  external_plugins: [{tmp_path / 'gate.py'}]}}\n"
        )
        return file

    return write


@pytest.fixture
def telling_config(write_config: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """Writes a config whose trainer only tells what reached it, in told-RANK.json."""
    site = tmp_path / "teller" / "lib" / "python3.11" / "site-packages"
    (site / "swift" / "cli").mkdir(parents=True)
    (site / "swift" / "__init__.py").touch()
    (site / "swift" / "cli" / "sft.py").write_text(TELLER)
    (site / "ms_swift-4.6.0.dist-info").mkdir()
    (tmp_path / "teller" / "pyvenv.cfg").write_text("version = 3.11.7\n")
    (tmp_path / "teller" / "bin").mkdir()
    python = tmp_path / "teller" / "bin" / "python"
    python.symlink_to(sys.executable)

    def write(extra: str = "", *, slurm: str = "", name: str = "telling.yaml") -> Path:
        return write_config(
            f"launch: {{engine: slurm, gpus: none, python: {python}}}\n"
            f"slurm: {{partition: main, time: 5{slurm}}}\n" + extra,
            name=name,
        )

    return write
