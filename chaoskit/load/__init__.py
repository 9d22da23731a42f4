"""The load worker, a part: open loop, effects."""
