"""Pictures: arrays in, matplotlib Axes out; no computation but what a mark summarises."""
