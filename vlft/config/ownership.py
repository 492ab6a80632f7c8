"""Which config key owns which argument of ms-swift and which environment variable.

One table, read from both sides: the command renders an owned value under the argument's
name, and a rule refuses the same argument under `swift:` or `env:`.
"""

from __future__ import annotations

ARGUMENTS: dict[str, str] = {
    "model": "model.path",
    "use_hf": "model.hub",
    "model_revision": "model.revision",
    "model_type": "model.type",
    "torch_dtype": "model.torch_dtype",
    "attn_impl": "model.attn_impl",
    "freeze_llm": "model.freeze_llm",
    "freeze_vit": "model.freeze_vit",
    "freeze_aligner": "model.freeze_aligner",
    "tuner_type": "tuner",
    "train_type": "tuner",
    "lora_rank": "lora.rank",
    "lora_alpha": "lora.alpha",
    "lora_dropout": "lora.dropout",
    "target_modules": "lora.target_modules",
    "quant_bits": "quant.bits",
    "quant_method": "quant.method",
    "dataset": "data.train",
    "val_dataset": "data.val",
    "split_dataset_ratio": "data.val",
    "max_length": "data.max_length",
    "num_train_epochs": "train.num_train_epochs",
    "max_steps": "train.max_steps",
    "learning_rate": "train.learning_rate",
    "per_device_train_batch_size": "train.per_device_train_batch_size",
    "gradient_accumulation_steps": "train.gradient_accumulation_steps",
    "per_device_eval_batch_size": "train.per_device_eval_batch_size",
    "gradient_checkpointing": "train.gradient_checkpointing",
    "seed": "train.seed",
    "save_steps": "train.save_steps",
    "eval_steps": "train.eval_steps",
    "save_total_limit": "train.save_total_limit",
    "resume_from_checkpoint": "train.resume_from_checkpoint",
    "deepspeed": "deepspeed",
    "sequence_parallel_size": "launch.sequence_parallel_size",
    "output_dir": "output_dir",
    "use_cpu": "launch.gpus",
}
"""Argument of `swift sft` → config key that owns it."""

ENVIRONMENT: dict[str, str] = {
    "CUDA_VISIBLE_DEVICES": "launch.gpus",
    "NPROC_PER_NODE": "launch.nproc_per_node",
    "NNODES": "launch.nnodes",
    "MASTER_ADDR": "launch.master_addr",
    "MASTER_PORT": "launch.master_port",
    "USE_HF": "model.hub",
    "MIN_PIXELS": "pixels.min",
    "MAX_PIXELS": "pixels.max",
    "MAX_NUM": "pixels.tiles",
    "VIDEO_MIN_PIXELS": "pixels.video.min",
    "VIDEO_MAX_PIXELS": "pixels.video.max",
    "VIDEO_MAX_NUM": "pixels.video.tiles",
    "FPS": "pixels.video.fps",
    "FPS_MIN_FRAMES": "pixels.video.min_frames",
    "FPS_MAX_FRAMES": "pixels.video.max_frames",
}
"""Environment variable → config key that owns it."""

RESERVED: dict[str, str] = {
    "add_version": "vlft gives every run a folder of its own",
}
"""Arguments that vlft always writes itself, and why."""

NODE_ENVIRONMENT: dict[str, str] = {
    "NODE_RANK": "it differs by node: vlft train --node-rank",
    "RANK": "torchrun sets it in each process",
    "LOCAL_RANK": "torchrun sets it in each process",
    "WORLD_SIZE": "it is nproc_per_node × nnodes: launch.nproc_per_node, launch.nnodes",
    "LOCAL_WORLD_SIZE": "it is launch.nproc_per_node",
}
"""Environment variables that a launcher sets, never a config."""
