"""The environment shows no secret, and hands all of them to processes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from vlft.environment import ENVIRON, Environment, environment_of, variable_set
from vlft.security.secrets import Secret

VARIABLES = {
    "HF_TOKEN": "s3cret-1",
    "HTTPS_PROXY": "http://me:s3cret-2@host",
    "PATH": "/bin",
    "MAX_TOKEN_NUM": "5",
}


def test_what_is_read_may_be_shown() -> None:
    environ = Environment(VARIABLES)
    assert dict(environ) == {
        "HF_TOKEN": "***",
        "HTTPS_PROXY": "http://me:***@host",
        "PATH": "/bin",
        "MAX_TOKEN_NUM": "5",
    }
    assert environ.get("ABSENT") is None
    assert "HF_TOKEN" in environ
    assert "s3cret" not in repr(environ) + str(dict(environ))


def test_a_secret_is_had_covered_and_compared() -> None:
    environ = Environment(VARIABLES)
    assert environ.secret("HF_TOKEN") == Secret("s3cret-1")
    assert environ.secret("ABSENT") is None
    assert environ.holds("HF_TOKEN", "s3cret-1")
    assert not environ.holds("HF_TOKEN", "***")


def test_a_process_gets_everything() -> None:
    added = {"B_TOKEN": Secret("s3cret-3"), "A": "b"}
    made = Environment(VARIABLES).for_process(added, ("PATH",))
    assert made == {
        "HF_TOKEN": "s3cret-1",
        "HTTPS_PROXY": "http://me:s3cret-2@host",
        "MAX_TOKEN_NUM": "5",
        "B_TOKEN": "s3cret-3",
        "A": "b",
    }


def test_it_is_that_of_the_process(monkeypatch: Any) -> None:
    monkeypatch.setenv("SOME_TOKEN", "s3cret-4")
    monkeypatch.setenv("SOME", "thing")
    assert (ENVIRON["SOME_TOKEN"], ENVIRON["SOME"]) == ("***", "thing")
    kept = ENVIRON.snapshot()
    monkeypatch.delenv("SOME")
    assert "SOME" not in ENVIRON
    assert kept["SOME"] == "thing"
    script = "import os; print(os.environ['SOME_TOKEN'])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=ENVIRON.for_process(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "s3cret-4\n"
    with pytest.raises(KeyError):
        ENVIRON["SOME"]


def test_any_mapping_becomes_one() -> None:
    environ = Environment(VARIABLES)
    assert environment_of(environ) is environ
    assert environment_of(None) is ENVIRON
    assert environment_of(VARIABLES)["HF_TOKEN"] == "***"


def test_a_variable_that_is_set_for_a_while(monkeypatch: Any) -> None:
    monkeypatch.delenv("FOR_A_WHILE", raising=False)
    with variable_set("FOR_A_WHILE", "a"):
        with variable_set("FOR_A_WHILE", "b"):
            assert os.environ["FOR_A_WHILE"] == "b"
        assert os.environ["FOR_A_WHILE"] == "a"
    assert "FOR_A_WHILE" not in os.environ
