"""Parts that tests of several packages share. None of them needs torch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from support.folders import make_model_folder

# A busy machine is slow, not wrong. CI tries the same examples each time, and whoever runs the
# tests elsewhere tries new ones; numbers of the modules that happen to be imported are left out.
_CI = bool(os.environ.get("CI"))
settings.register_profile(
    "vlft",
    deadline=None,
    derandomize=_CI,
    database=None if _CI else settings.get_profile("default").database,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("vlft")
if _CI:
    providers._get_local_constants = providers.Constants


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Minutes in one test come first: whatever runs beside them needs no waiting at the end."""
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("chain", "long"))))


@pytest.fixture(scope="session", autouse=True)
def _signals_as_they_are_by_default() -> None:
    """Under nohup, or in the background of a shell, what a test starts would ignore them."""
    for number in (signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) == signal.SIG_IGN:
            default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, default)


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Index and caches of a test's own, and nothing of a launcher around it."""
    home = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        for name in list(os.environ):
            if name in {
                "CUDA_VISIBLE_DEVICES",
                "NPROC_PER_NODE",
                "NNODES",
                "MASTER_ADDR",
                "MASTER_PORT",
                "OMP_NUM_THREADS",
                "MAX_PIXELS",
            }:
                patch.delenv(name)
        yield


MakeModel = Callable[..., Path]


@pytest.fixture
def make_model() -> MakeModel:
    """Writes a model folder without real weights: enough for what vlft reads."""
    return make_model_folder


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A folder that ms-swift would take for Qwen2-VL by its name."""
    return make_model_folder(tmp_path / "Qwen2-VL-2B-Instruct")


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """Two rows of text."""
    rows = [
        {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": "b"}]}
        for q in ("a", "c")
    ]
    file = tmp_path / "train.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


WriteConfig = Callable[..., Path]


@pytest.fixture
def write_config(tmp_path: Path, model_folder: Path, data_file: Path) -> WriteConfig:
    """Writes a config that is right but for what the given text adds."""

    def write(extra: str = "launch: {gpus: none}\n", name: str = "config.yaml") -> Path:
        file = tmp_path / name
        file.write_text(
            f"model:\n  path: {model_folder.name}\ndata:\n  train: [{data_file.name}]\n{extra}"
        )
        return file

    return write


@dataclass(frozen=True)
class Done:
    """A finished vlft."""

    code: int
    out: str
    err: str


Vlft = Callable[..., Done]


@pytest.fixture
def vlft(tmp_path: Path) -> Vlft:
    """Runs the real command in a process of its own, in the test's folder."""

    def call(*words: str, python: str = sys.executable, **env: str) -> Done:
        done = subprocess.run(
            [python, "-m", "vlft", *words],
            cwd=tmp_path,
            env=os.environ | env,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return call
