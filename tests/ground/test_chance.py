"""One seed, the same draws, everywhere."""

from chaoskit.chance import stream


def test_a_stream_is_named_by_its_use() -> None:
    """The same seed and name repeat, another name or seed differs; the value is fixed for all machines."""
    draws = [stream(7, "load", "reads").random() for _ in range(2)]
    assert draws[0] == draws[1]
    assert stream(7, "load", "writes").random() != draws[0]
    assert stream(8, "load", "reads").random() != draws[0]
    assert stream(7, "load", 1).random() == stream(7, "load", "1").random()
