"""The relay, a part: publishes the target's port on the host."""
