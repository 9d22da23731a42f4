"""The one source of chance. Every draw comes from the run's seed, through a stream named after its use,
so that one more draw in one place changes nothing in another."""

from __future__ import annotations

import hashlib
import random
import secrets


def stream(seed: int, *name: str | int) -> random.Random:
    """A reproducible generator for one use, e.g. `stream(seed, "load", "reads")`.

    The same seed and name give the same draws on every machine and Python version
    (Mersenne Twister, seeded with SHA-256 of seed and name).
    """
    text = "\0".join([str(seed), *map(str, name)])
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))


def new_seed() -> int:
    """A seed for a run that was given none: 32 bits, so that a person can type it again."""
    return secrets.randbits(32)


def new_token(hex_digits: int = 4) -> str:
    """A few random hex digits, for names that must not clash; not reproducible, on purpose."""
    return f"{secrets.randbits(4 * hex_digits):0{hex_digits}x}"
