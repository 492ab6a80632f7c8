"""Mends for checkpoints that bring modelling code of their own, written for an older transformers.

A plug-in of ms-swift (`--external_plugins`), run by the trainer's interpreter and never imported
by vlft. ms-swift imports vlft_own_code.py before it loads a model. Each mend looks for its defect
in the classes of the checkpoint (or in the model that came of them), applies where it finds it, and
says so in the log; classes of transformers' own are left alone.

The modules have long names because ms-swift puts this folder on the import path, first.
"""

from __future__ import annotations

from .own_code_loading import install

VERSION = "2"
"""Of the mends together; a run's record holds it."""

install(VERSION)
