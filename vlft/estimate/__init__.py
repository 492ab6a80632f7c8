"""What a run will be: batch, steps, tokens, memory, disk and time, before it starts."""

from vlft.estimate.report import Outlook, look_ahead

__all__ = ["Outlook", "look_ahead"]
