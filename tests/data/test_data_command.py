"""`vlft data` as it is run: fetching only what may be fetched, and interrupted by Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.data_rows import talk
from support.picture_files import encoded, noise
from support.waiting import HANG_S

JPEG = encoded(noise(40, 30), "JPEG")


# What starts the tests may have them ignore SIGINT, as a shell does with `&`.
HEARS_CTRL_C = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("vlft", run_name="__main__", alter_sys=True)
"""


class Pictures(BaseHTTPRequestHandler):
    """Serves one picture, and notes who asks."""

    asked: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        found = self.path == "/a.jpg"
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(JPEG if found else b"")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[str]:
    Pictures.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pictures)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def findings(done: Any) -> list[tuple[int, str, str]]:
    return [(one["row"], one["rule"], one["message"]) for one in json.loads(done.out)["findings"]]


def test_urls_are_told_and_not_asked(vlft: Any, web: str, tmp_path: Path) -> None:
    row = talk("<image>q", images=[f"{web}/a.jpg"])
    (tmp_path / "web.jsonl").write_text(json.dumps(row) + "\n")
    done = vlft("data", "check", "web.jsonl", "--format", "json")
    assert done.code == 0
    assert [(row, rule) for row, rule, _ in findings(done)] == [(1, "row.media-url")]
    assert Pictures.asked == []


def test_private_addresses_are_refused_unless_allowed(vlft: Any, web: str, tmp_path: Path) -> None:
    rows = [talk("<image>q", images=[f"{web}/{name}"]) for name in ("a.jpg", "no.jpg")]
    (tmp_path / "web.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    refused = vlft("data", "check", "web.jsonl", "--fetch", "--format", "json")
    assert Pictures.asked == []
    assert [(row, rule) for row, rule, _ in findings(refused)] == [
        (1, "row.media-url"),
        (2, "row.media-url"),
    ]
    allowed = vlft("data", "check", "web.jsonl", "--fetch", "--allow-private", "--format", "json")
    assert Pictures.asked == ["/a.jpg", "/no.jpg"]
    ((row, rule, message),) = findings(allowed)
    assert (row, rule) == (2, "row.media-url")
    assert "404" in message


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A file that takes every command seconds: no row of it takes the short way."""
    file = tmp_path / "slow.jsonl"
    row = talk("<image>q " + "word " * 90, images=["no.png"], objects={"ref": [], "bbox": []})
    line = json.dumps(row).encode()
    with file.open("wb") as out:
        for number in range(130_000):
            out.write(line.replace(b"no.png", b"%06d" % number) + b"\n")
    return file


@pytest.mark.parametrize(
    "words",
    [
        ("check",),
        ("stats",),
        ("convert", "--output", "new.jsonl", "--report", "changes.jsonl"),
        ("convert", "--fix"),
    ],
    ids=" ".join,
)
def test_ctrl_c_ends_it_and_leaves_no_half_file(
    words: tuple[str, ...], slow: Path, tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    process = start(words[0], slow.name, *words[1:], cwd=tmp_path)
    watched = psutil.Process(process.pid)
    wait_until_read(process, slow)
    family = watched.children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to all of them
    out, err = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in err
    assert out == ""
    assert sorted(tmp_path.iterdir()) == before
    _, alive = psutil.wait_procs(family, timeout=HANG_S)
    assert alive == []


def start(*words: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HEARS_CTRL_C, "data", *words],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def wait_until_read(process: subprocess.Popen[str], file: Path) -> None:
    watched = psutil.Process(process.pid)
    while not _reads(watched, file):
        assert process.poll() is None
        time.sleep(0.01)


def _reads(process: psutil.Process, file: Path) -> bool:
    """Whether it is at work on the file."""
    try:
        return str(file) in {name.path for name in process.open_files()}
    except psutil.Error:
        return False
