"""A plugin of ms-swift: DeepSpeed's communication is up before ZeRO-3 splits the first weight.

On GPUs transformers sees to that; on CPUs nobody does, and the batch size is then taken for that
of one process.
"""

from __future__ import annotations

import deepspeed

deepspeed.init_distributed(dist_backend="gloo")
