"""What tests that start the real ms-swift share."""

from __future__ import annotations

from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"
"""Run by the trainer's interpreter; none is imported."""

PLUGINS = Path(__file__).parent / "plugins"
"""Loaded by ms-swift itself, as `--external_plugins`."""
