"""What differs between an imported command and the run of its config, on purpose."""

from __future__ import annotations

from typing import Final

ADDED: Final[dict[str, str]] = {
    "--output_dir": "the run's own folder inside of the one that was named",
    "--add_version": "false: vlft gives every run a folder of its own",
    "--tuner_type": "written out",
    "--per_device_train_batch_size": "written out",
    "--gradient_accumulation_steps": "written out: the one that ms-swift would choose",
    "--check_model": "false for a model that is a folder",
    "--use_hf": "written out for a model that the registry does not have",
    "--model_type, --template": "where ms-swift would guess wrong from a folder's name",
    "--dataset, --val_dataset": "ms:: or hf:: before an id on a hub; paths are absolute",
    "--model, --deepspeed, --resume_from_checkpoint": "paths are absolute",
    "--external_plugins": "mends of a model's own code, where the installed packages need them",
    "true and false": "a switch gets its `true`; `True` is written `true`",
    "defaults said aloud": "--max_steps -1, --split_dataset_ratio 0 and the like are left out",
    "NPROC_PER_NODE, MASTER_PORT": "absent for one process without DeepSpeed: no torchrun",
    "OMP_NUM_THREADS, PYTHONUNBUFFERED": "set where the caller has not",
    "without a GPU": "--use_cpu, --torch_dtype, --fp16, --bf16, --ddp_backend, MALLOC_*",
}
"""What differs between an imported command and `vlft train --dry-run`, on purpose."""
