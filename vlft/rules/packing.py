"""Packing, padding-free batches, lazy tokenising, streaming, grouping by length."""

from __future__ import annotations

from vlft.rules.base import Problem, Problems, RunSpec, rule

_FLASH = ("flash_attn", "flash_attention_2", "flash_attention_3", "flash_attention_4")


@rule("error", "aborts", says="feature requires a flash attention implementation")
def attention(run: RunSpec) -> Problems:
    """Packing and padding-free batches run on flash attention, named in `model.attn_impl`.

    Source: swift/arguments/sft_args.py: _check_padding_free
    """
    chosen = run.config.model.attn_impl
    if chosen in _FLASH:
        return
    for name in ("packing", "padding_free"):
        if run.args.flag(name):
            yield Problem(
                ("swift", name),
                f"`{name}` needs flash attention; `model.attn_impl` is {chosen or 'not given'}",
                "write `model: {attn_impl: flash_attention_2}` (or "
                f"{', '.join(impl for impl in _FLASH if impl != 'flash_attention_2')})",
                at_key=True,
            )
            return


@rule("error", "aborts", says="and lazy_tokenize are incompatible.")
def lazy(run: RunSpec) -> Problems:
    """Rows that are tokenised as they come are neither packed nor streamed.

    Source: swift/arguments/base_args/base_args.py: _init_lazy_tokenize
    """
    for name in ("packing", "streaming"):
        if run.args.flag(name) and run.args.flag("lazy_tokenize"):
            yield Problem.exclusive(("swift", "lazy_tokenize"), name, "leave lazy_tokenize out")
            return


@rule("error", "late")
def lazy_groups(run: RunSpec) -> Problems:
    """Grouping by length has rows of known length, and shuffles them.

    Source: swift/trainers/mixin.py: get_train_dataloader
    """
    if not run.args.flag("group_by_length") or run.args.flag("streaming"):
        return
    if run.args.flag("lazy_tokenize"):
        yield Problem(
            ("swift", "lazy_tokenize"),
            "`group_by_length` needs the length of every row, which `lazy_tokenize` leaves open",
            "leave lazy_tokenize out",
            at_key=True,
        )
    if run.args.is_off("train_dataloader_shuffle"):
        message = "`group_by_length` shuffles; `train_dataloader_shuffle` is false"
        yield Problem(("swift", "train_dataloader_shuffle"), message, "leave one of the two out")


@rule("error", "late", says="max_steps has to be specified")
def streaming_steps(run: RunSpec) -> Problems:
    """A run on streamed data says how many steps it has.

    Source: transformers/trainer.py: Trainer.__init__
    """
    if run.args.flag("streaming") and run.config.train.max_steps is None:
        message = "`streaming` without `train.max_steps`: the number of rows is not known"
        yield Problem(("swift", "streaming"), message, "write `train: {max_steps: N}`", at_key=True)


@rule("warning", "silent")
def streaming_share(run: RunSpec) -> Problems:
    """A share of streamed data is not asked for as validation data.

    Source: swift/arguments/base_args/data_args.py: DataArguments.__post_init__
    """
    if run.args.flag("streaming") and isinstance(run.config.data.val, float):
        because = "streamed data is not split, so nothing is evaluated"
        yield Problem.ignored(("data", "val"), because, "name validation files: `val: [val.jsonl]`")


@rule("warning", "silent")
def streaming_ignored(run: RunSpec) -> Problems:
    """What needs the rows' number or length is not asked of streamed data.

    Source: swift/trainers/mixin.py: get_train_dataloader, SwiftMixin.__init__
    """
    if not run.args.flag("streaming"):
        return
    if run.args.flag("group_by_length"):
        because = "streamed rows are not grouped by length"
        yield Problem.ignored(("swift", "group_by_length"), because, "remove it, or streaming")
    workers = run.args.given("dataloader_num_workers", float)
    if workers is not None and workers > 1:
        message = f"streamed data is read by 1 worker, not {workers:g}"
        hint = "remove dataloader_num_workers or streaming"
        yield Problem(("swift", "dataloader_num_workers"), message, hint)
