"""Starting the trainer, watching it, and leaving nothing behind when it ends."""
