"""The folder that examples start from: what their relative paths name."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from examples.checkpoint_folders import lay_out_checkpoints, lay_out_environment
from examples.deepspeed_files import lay_out_deepspeed
from examples.newer_folders import lay_out_newer
from examples.own_code_folders import lay_out_own_code
from examples.resume_folders import lay_out_resume, lay_out_tower
from examples.slurm_folder import lay_out_slurm

ROW = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


def lay_out(folder: Path, make_model: Callable[..., Path]) -> None:
    """Writes everything beside the config and its model."""
    # As many rows as the batches of the examples need.
    (folder / "train.jsonl").write_text((json.dumps(ROW) + "\n") * 64)
    (folder / "empty.jsonl").touch()
    (folder / "plugin.py").touch()
    coded = make_model(folder / "with-code")
    (coded / "modeling_own.py").touch()
    adapter = folder / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "base"}))
    # An environment that has ms-swift and nothing else.
    site = folder / "swift-only" / "lib" / "python3.11" / "site-packages"
    (site / "swift").mkdir(parents=True)
    (site / "swift" / "__init__.py").touch()
    (site / "ms_swift-4.6.0.dist-info").mkdir()
    (folder / "swift-only" / "bin").mkdir()
    (folder / "swift-only" / "bin" / "python").symlink_to(sys.executable)
    (folder / "swift-only" / "pyvenv.cfg").write_text("version = 3.11.7\n")
    lay_out_checkpoints(folder, make_model)
    lay_out_own_code(folder, make_model)
    lay_out_deepspeed(folder, make_model)
    lay_out_resume(folder)
    lay_out_tower(folder, make_model)
    lay_out_slurm(folder)
    lay_out_newer(folder, make_model)
    lay_out_environment(
        folder / "rays",
        torch="2.8.0",
        transformers="5.0.0",
        qwen_vl_utils="0.0.14",
        decord="0.6.0",
        ray="2.50.0",
    )
