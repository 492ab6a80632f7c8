"""Programs that the trainer's interpreter runs; nothing in vlft imports them."""
