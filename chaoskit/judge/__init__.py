"""The judge: pure functions over a history."""
