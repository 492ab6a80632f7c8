"""Texts as real trainers wrote them, paths shortened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vlft.engines.local.error_log import last_error

if TYPE_CHECKING:
    from pathlib import Path

RANK_1_FAILS = """\
[rank1]: Traceback (most recent call last):
[rank1]:   File "ddp.py", line 6, in <module>
[rank1]:     raise RuntimeError("rank one broke\\nbecause of\\n  a thing")
[rank1]: RuntimeError: rank one broke
[rank1]: because of
[rank1]:   a thing
"""
RANK_0_FOLLOWS = """\
[rank0]: Traceback (most recent call last):
[rank0]:   File "ddp.py", line 8, in <module>
[rank0]:     dist.all_reduce(t)
[rank0]: RuntimeError: [pair.cc:561] Connection closed by peer [127.0.0.1]:46800.
"""
TORCHRUN = """\
W1122 21:13:20.453000 10050 torch/distributed/elastic/multiprocessing/api.py:1028] Sending process \
10059 closing signal SIGTERM
E1122 21:13:20.569000 10050 torch/distributed/elastic/multiprocessing/api.py:1002] failed \
(exitcode: {code}) local_rank: 1 (pid: 10060) of binary: /venv/bin/python
Traceback (most recent call last):
  File "torch/distributed/run.py", line 1142, in <module>
    main()
  File "torch/distributed/launcher/api.py", line 386, in launch_agent
    raise ChildFailedError(
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:\x20
============================================================
ddp.py FAILED
------------------------------------------------------------
Failures:
[1]:
  time      : 2026-11-22_21:13:20
  host      : localhost
  rank      : 0 (local_rank: 0)
  exitcode  : -15 (pid: 10059)  (SIGTERM)
  error_file: <N/A>
  traceback : Signal 15 (SIGTERM) received by PID 10059
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-22_21:13:20
  host      : localhost
  rank      : 1 (local_rank: 1)
  exitcode  : {code} (pid: 10060)\x20
  error_file: <N/A>
  traceback : {traceback}
============================================================
"""
TORCHRUN_1 = TORCHRUN.format(
    code=1, traceback="To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html"
)
TORCHRUN_9 = TORCHRUN.format(code=-9, traceback="Signal 9 (SIGKILL) received by PID 10060")
TORCHRUN_2 = TORCHRUN_1.replace("exitcode  : 1", "exitcode  : 2")
CHAIN = """\
Traceback (most recent call last):
  File "fail.py", line 4, in inner
    {}["x"]
    ~~^^^^^
KeyError: 'x'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "fail.py", line 12, in <module>
    main()
ValueError: batch of 3 rows can't be split over 2 ranks
"""
CONTEXT = CHAIN.replace(
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
DATA_LOADER = """\
Train:   0%|          | 0/4 [00:00<?, ?it/s]\rTrain:  50%|█████     | 2/4 [00:00<00:00, 23.87it/s]
Traceback (most recent call last):
  File "dl.py", line 9, in <module>
    for x in tqdm(DataLoader(D(), num_workers=1)): pass
  File "torch/_utils.py", line 804, in reraise
    raise exception
KeyError: Caught KeyError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "torch/utils/data/_utils/worker.py", line 375, in _worker_loop
    data = fetcher.fetch(index)
           ^^^^^^^^^^^^^^^^^^^^
KeyError: 'images'

"""
AFTER_A_BAR = """\
Train:  50%|█████     | 3/6 [00:02<00:02,  1.48it/s]Traceback (most recent call last):
  File "sft.py", line 7, in <module>
    sft_main()
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity \
of 79.10 GiB of which 1.20 GiB is free.
\rTrain:  50%|█████     | 3/6 [00:04<00:04,  1.42s/it]
"""
LOGGED_AND_SURVIVED = """\
[INFO:swift] Traceback (most recent call last):
  File "swift/dataset/preprocessor/core.py", line 240, in batched_preprocess
    row = self.preprocess(row)
AssertionError: row['messages']: []

[WARNING:swift] There are errors in the dataset, the data will be deleted
"""
WATCHDOG = """\
[rank1]:[E1122 10:00:00.1 ProcessGroupNCCL.cpp:632] [Rank 1] Watchdog caught collective operation \
timeout: WorkNCCL(SeqNum=7, OpType=ALLREDUCE) ran for 600013 milliseconds before timing out.
[rank0]:[E1122 10:00:00.2 ProcessGroupNCCL.cpp:632] [Rank 0] Watchdog caught collective operation \
timeout: WorkNCCL(SeqNum=8, OpType=ALLREDUCE) ran for 600013 milliseconds before timing out.
terminate called after throwing an instance of 'c10::DistBackendError'
  what():  [PG ID 0 PG GUID 0 Rank 1] Process group watchdog thread terminated with exception
"""
THREAD_AND_DEL = """\
Exception in thread Thread-3:
Traceback (most recent call last):
  File "threading.py", line 1045, in _bootstrap_inner
    self.run()
OSError: [Errno 9] Bad file descriptor
{}Exception ignored in: <function tqdm.__del__ at 0x7f>
Traceback (most recent call last):
  File "std.py", line 1148, in __del__
    self.close()
AttributeError: 'tqdm' object has no attribute 'pos'
"""
INTERLEAVED = """\
[rank0]: Traceback (most recent call last):
[rank1]: Traceback (most recent call last):
[rank0]:   File "ddp.py", line 8, in <module>
[rank1]:   File "ddp.py", line 6, in <module>
[rank0]:     dist.all_reduce(t)
[rank1]:     split(rows)
[rank0]: torch.distributed.DistBackendError: NCCL error, remote process exited
[rank1]: ZeroDivisionError: division by zero
"""
PYDANTIC = """\
Traceback (most recent call last):
  File "a.py", line 1, in <module>
pydantic_core._pydantic_core.ValidationError: 1 validation error for Zero
stage
  Input should be 0, 1, 2 or 3 [type=literal_error]
"""
ARGPARSE = """\
usage: sft.py [-h] [--model MODEL]
sft.py: error: argument --learning_rate/--learning-rate: invalid float value: 'x'
"""

SPLIT = "ValueError: batch of 3 rows can't be split over 2 ranks"
OUT_OF_MEMORY = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total "
    "capacity of 79.10 GiB of which 1.20 GiB is free."
)
TIMEOUT = (
    "[E1122 10:00:00.1 ProcessGroupNCCL.cpp:632] [Rank 1] Watchdog caught collective operation "
    "timeout: WorkNCCL(SeqNum=7, OpType=ALLREDUCE) ran for 600013 milliseconds before timing out."
)
ZERO = (
    "pydantic_core._pydantic_core.ValidationError: 1 validation error for Zero stage Input should "
    "be 0, 1, 2 or 3 [type=literal_error]"
)
RANK_1 = "RuntimeError: rank one broke because of a thing"
HEADER = "Traceback (most recent call last):\n"
KILLED_RANK = (
    "rank 1 (local_rank: 1): Signal 9 (SIGKILL) received by PID 10060, which is often the kernel's "
    "answer to memory running out"
)

CASES = {
    "chain": (CHAIN, SPLIT),
    "context": (CONTEXT, SPLIT),
    "no prefix": (CHAIN + TORCHRUN_1, SPLIT),
    "ranks": (RANK_1_FAILS + RANK_0_FOLLOWS + TORCHRUN_1, RANK_1),
    "ranks, the follower first": (RANK_0_FOLLOWS + RANK_1_FAILS + TORCHRUN_1, RANK_1),
    "ranks, no summary": (RANK_0_FOLLOWS + RANK_1_FAILS, RANK_1),
    "interleaved": (INTERLEAVED, "ZeroDivisionError: division by zero"),
    "only a follower": (RANK_0_FOLLOWS, RANK_0_FOLLOWS.splitlines()[-1].partition(": ")[2]),
    "rank killed": (TORCHRUN_9, KILLED_RANK),
    "rank killed, and a follower": (RANK_0_FOLLOWS + TORCHRUN_9, KILLED_RANK),
    "rank gone": (TORCHRUN_1, "rank 1 (local_rank: 1): exit code 1 (pid: 10060)"),
    "data loader": (DATA_LOADER, "KeyError: 'images'"),
    "after a bar": (AFTER_A_BAR, OUT_OF_MEMORY),
    "logged before": (LOGGED_AND_SURVIVED + CHAIN, SPLIT),
    "logged after": (CHAIN + LOGGED_AND_SURVIVED, SPLIT),
    "only logged": (LOGGED_AND_SURVIVED, "AssertionError: row['messages']: []"),
    "logged, then killed": (LOGGED_AND_SURVIVED + TORCHRUN_9, KILLED_RANK),
    "watchdog": (WATCHDOG, TIMEOUT),
    "watchdog and a follower": (WATCHDOG + RANK_0_FOLLOWS, TIMEOUT),
    "beside the main thread": (THREAD_AND_DEL.format(CHAIN), SPLIT),
    "more lines": (PYDANTIC, ZERO),
    "argparse": (ARGPARSE, ARGPARSE.splitlines()[1]),
    "argparse under torchrun": (ARGPARSE + TORCHRUN_2, ARGPARSE.splitlines()[1]),
    "killed": ("loading\nrun.sh: line 1: 8231 Killed\n", "run.sh: line 1: 8231 Killed"),
    "abort at exit": (
        "[INFO:swift] End time of running main\nterminate called without an active exception\n",
        "terminate called without an active exception",
    ),
    "heap": ("free(): invalid pointer\n", "free(): invalid pointer"),
    "crash": ("Fatal Python error: Segmentation fault\n", "Fatal Python error: Segmentation fault"),
    "colours": ("\x1b[31mpython9: command not found\x1b[0m\n", "python9: command not found"),
    "no message": (f"{HEADER}  File 'x'\nKeyboardInterrupt\n", "KeyboardInterrupt"),
    "cut off": (f"{HEADER}  File 'x'", None),
    "garbled": (f"{HEADER}  File 'x'\n*** what\n", None),
    "nothing wrong": ("[INFO:swift] error_ratio: 0\nTrain: 100%|██| 6/6\n", None),
    "empty": ("", None),
}


@pytest.mark.parametrize(("text", "error"), CASES.values(), ids=CASES.keys())
def test_last_error(tmp_path: Path, text: str, error: str | None) -> None:
    log = tmp_path / "stderr.log"
    log.write_text(text, newline="")
    assert last_error(log) == error


def test_a_missing_file_has_no_error(tmp_path: Path) -> None:
    assert last_error(tmp_path / "stderr.log") is None


def test_a_long_message_is_cut(tmp_path: Path) -> None:
    log = tmp_path / "stderr.log"
    log.write_text(f"{HEADER}  File 'x'\nValueError: {'x' * 900}\n")
    error = last_error(log)
    assert error is not None
    assert len(error) == 500
    assert error.endswith("x…")


def test_an_error_before_much_noise_is_found(tmp_path: Path) -> None:
    log = tmp_path / "stderr.log"
    log.write_text(CHAIN + "[INFO] waiting for the other nodes\n" * 20_000)
    assert last_error(log) == SPLIT


def test_an_error_after_much_noise_is_found(tmp_path: Path) -> None:
    log = tmp_path / "stderr.log"
    log.write_text("[INFO] waiting for the other nodes\n" * 200_000 + CHAIN)
    assert last_error(log) == SPLIT


def test_what_is_not_utf_8_is_no_obstacle(tmp_path: Path) -> None:
    log = tmp_path / "stderr.log"
    log.write_bytes(b"\xff\xfe\n" + CHAIN.encode())
    assert last_error(log) == SPLIT
