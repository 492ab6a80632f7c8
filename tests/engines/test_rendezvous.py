"""Nodes find each other, or say at once why not."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from vlft.engines.local.engine import await_master, free_port, require_free
from vlft.errors import VlftError

NODES = "launch: {gpus: none, nnodes: 2, master_addr: 127.0.0.1, master_port: %d}\n"


def listening() -> socket.socket:
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server


def test_a_port_that_is_free_is_taken() -> None:
    require_free(free_port())


def test_ports_are_given_to_one_run_each_and_can_be_listened_on() -> None:
    # Of as many drawn at random, a hundred would be drawn twice.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as vlfts:
        ports = [port for found in vlfts.map(_free_ports, (1000, 1000)) for port in found]
    assert len(set(ports)) == len(ports)
    for port in ports[::100]:
        require_free(port)


def _free_ports(count: int) -> list[int]:
    return [free_port() for _ in range(count)]


def test_a_port_that_is_taken_is_told_with_another_one() -> None:
    with closing(listening()) as server:
        port = server.getsockname()[1]
        with pytest.raises(VlftError, match=f"port {port} can't be used") as raised:
            require_free(port)
    other = re.search(r"say (\d+)", raised.value.hint or "")
    assert other is not None
    require_free(int(other[1]))


def test_node_0_is_found() -> None:
    with closing(listening()) as server:
        await_master("127.0.0.1", server.getsockname()[1], 0)


def test_node_0_may_come_later() -> None:
    port = free_port()

    def come() -> None:
        time.sleep(0.7)
        with closing(socket.socket()) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", port))
            server.listen()
            server.accept()[0].close()

    thread = threading.Thread(target=come)
    thread.start()
    await_master("127.0.0.1", port, 600)
    thread.join()


def test_node_0_that_does_not_come_is_told() -> None:
    port = free_port()
    with pytest.raises(VlftError, match=rf"127\.0\.0\.1:{port} within 0 s: connection refused"):
        await_master("127.0.0.1", port, 0)


def test_a_name_that_nobody_knows_is_told_at_once() -> None:
    with pytest.raises(VlftError, match=r"node 0 is not found: `no-such-host\.invalid`"):
        await_master("no-such-host.invalid", 29500, 600)


def test_a_node_that_does_not_find_node_0_starts_nothing(
    vlft: Any, write_config: Any, tmp_path: Path
) -> None:
    config = write_config(NODES % free_port())
    words = ("--no-validate", "--run-id", "x", "--node-rank", "1", "--master-timeout", "0")
    done = vlft("train", str(config), *words)
    assert (done.code, "node 0 has not answered" in done.err) == (1, True), done.err
    assert not (tmp_path / "output").exists()


def test_node_0_whose_port_is_taken_starts_nothing(
    vlft: Any, write_config: Any, tmp_path: Path
) -> None:
    with closing(listening()) as server:
        config = write_config(NODES % server.getsockname()[1])
        done = vlft("train", str(config), "--no-validate", "--run-id", "x")
    assert (done.code, "can't be used on this machine" in done.err) == (1, True), done.err
    assert not (tmp_path / "output").exists()


def test_one_command_a_node_is_printed_and_all_of_them_agree(
    vlft: Any, write_config: Any, tmp_path: Path
) -> None:
    config = write_config(NODES % 29500)
    system = ("--set", "swift.system=it's $HOME")
    done = vlft("train", str(config), "--no-validate", *system, "--print-node-commands")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    parsed = [shlex.split(line) for line in lines]
    assert [words[:4] for words in parsed] == [["cd", str(tmp_path), "&&", "vlft"]] * 2
    assert [words[-2:] for words in parsed] == [["--node-rank", "0"], ["--node-rank", "1"]]
    assert parsed[0][:-1] == parsed[1][:-1]
    assert parsed[0][parsed[0].index("--set") + 1] == system[1]
    # A node runs its line as it is.
    shown = subprocess.run(
        ["sh", "-c", lines[1].replace("vlft", "printf '%s\\n'", 1)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines() == parsed[1][4:]
    dry = vlft(*parsed[1][4:], "--dry-run", "--format", "json")
    assert json.loads(dry.out)["env"]["NODE_RANK"] == "1"
    assert f"output/{parsed[0][parsed[0].index('--run-id') + 1]}/" in dry.out


def test_another_nodes_command_is_given_the_address(vlft: Any, write_config: Any) -> None:
    config = write_config("launch: {gpus: none, nnodes: 2, master_port: 29500}\n")
    words = ("--no-validate", "--run-id", "x", "--master-addr", "10.0.0.7", "--node-rank", "1")
    done = vlft("train", str(config), *words, "--dry-run", "--format", "json")
    shown = json.loads(done.out)
    assert (shown["env"]["MASTER_ADDR"], shown["env"]["NODE_RANK"]) == ("10.0.0.7", "1")
    printed = vlft("train", str(config), *words[:5], "--print-node-commands")
    assert all("launch.master_addr=10.0.0.7" in line for line in printed.out.splitlines())


def test_a_secret_is_not_printed(vlft: Any, write_config: Any) -> None:
    config = write_config(NODES % 29500)
    words = ("--no-validate", "--set", "env.HF_TOKEN=hf_secret", "--print-node-commands")
    done = vlft("train", str(config), *words)
    assert (done.code, "hf_secret" in done.out + done.err) == (1, False)
