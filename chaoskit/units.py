"""Quantities as people write them, and back: `250ms 5s 2m 1h`, `50/s 6/min`, `64kB`, `99%`.

Inside, durations are seconds, rates per second, sizes bytes, shares 0 to 1; all floats or ints.
A number without its unit is an error that shows the right spelling.
"""

from __future__ import annotations

import re

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")
_DURATION_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|sec|min|m|h)")
_RATE_UNITS = {"s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)(B|kB|MB|GB|KiB|MiB|GiB)")
_SIZE_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def duration(text: str) -> float:
    """Seconds of `1.5s`, `250ms`, `2m`, `1h30m`. Raises ValueError with the right spelling."""
    word = text.strip()
    if not word or _DURATION.sub("", word):
        example = f"{word}s" if _NUMBER.fullmatch(word) else "250ms, 5s, 2m, 1h"
        raise ValueError(f"{text!r} is not a duration; write its unit, e.g. {example}")
    return sum(float(number) * _DURATION_UNITS[unit] for number, unit in _DURATION.findall(word))


def rate(text: str) -> float:
    """Per second, of `50/s` or `6/min`. Raises ValueError with the right spelling."""
    match = _RATE.fullmatch(text.strip())
    if match is None:
        word = text.strip()
        example = f"{word}/s" if _NUMBER.fullmatch(word) else "50/s, 6/min"
        raise ValueError(f"{text!r} is not a rate; write its unit, e.g. {example}")
    return float(match[1]) / _RATE_UNITS[match[2]]


def size(text: str) -> int:
    """Bytes of `64kB`. Raises ValueError with the right spelling."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size; write its unit, e.g. 64kB, 1MiB")
    return int(float(match[1]) * _SIZE_UNITS[match[2]])


def share(text: str) -> float:
    """0 to 1, of `99%`. Raises ValueError with the right spelling."""
    word = text.strip()
    match = _SHARE.fullmatch(word)
    if match is None:
        example = f"{float(word) * 100:g}%" if _NUMBER.fullmatch(word) and float(word) <= 1 else "99%, 99.9%"
        raise ValueError(f"{text!r} is not a share; write it as a percentage, e.g. {example}")
    value = round(float(match[1]) / 100, 12)  # 99.9 / 100 is more than 0.999 in floats, and a bound must not be
    if value > 1:
        raise ValueError(f"{text!r} is more than 100%")
    return value


def show_duration(seconds: float) -> str:
    """A duration as a person would write it: `830 ms`, `2.1 s`, `4 m 10 s`."""
    if seconds == 0:
        return "0 s"
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 1:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{int(seconds // 60)} m {int(seconds % 60)} s"


def show_share(value: float) -> str:
    """A share as a percentage: `99.2 %`; never rounds what is below 100 % up to it, nor what is above 0 down to it."""
    for digits in range(2 if value > 0.95 else 1, 5):
        text = f"{value * 100:.{digits}f}"
        if float(text) not in (0.0, 100.0) or value in (0.0, 1.0):
            break
    return f"{text.rstrip('0').rstrip('.')} %"
