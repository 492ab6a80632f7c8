"""Programs and plug-ins for the trainer's interpreter; nothing in vlft imports them."""
