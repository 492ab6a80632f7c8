"""What servers are told about an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.weight_files import matrix, tensor, write_adapter

from vlft.infer.serve import server_rank
from vlft.probe.checkpoint import read_checkpoint


@pytest.mark.parametrize(
    ("config", "rank"),
    [
        ({"r": 1}, 1),
        ({"r": 4}, 8),
        ({"r": 8}, 8),
        ({"r": 12}, 16),
        ({"r": 8, "rank_pattern": {"q_proj": 48}}, 64),
        ({"r": 300}, 320),
        ({"r": 1024}, 512),
        ({"r": None}, 8),
    ],
)
def test_vllm_takes_only_some_ranks(config: dict[str, Any], rank: int, tmp_path: Path) -> None:
    tensors = {"base_model.model.x.lora_A.weight": tensor(matrix(4, 8, 1))}
    folder = write_adapter(tmp_path / "adapter", tmp_path, tensors, **config)
    assert server_rank(read_checkpoint(folder)) == rank
