"""Secrets never reach an output."""

from chaoskit.records import Request
from chaoskit.runner.masking import mask_records, mask_text


def test_a_secret_is_masked_inside_longer_strings() -> None:
    """Also where one secret holds another."""
    assert mask_text("Bearer s3cret-long and s3cret", ("s3cret", "s3cret-long")) == "Bearer *** and ***"


def test_the_label_of_a_request_is_masked() -> None:
    """A secret in a path does not reach the history."""
    request = Request("reads", 0, 0.0, 0.0, 0.0, 0.1, "ok", "", 200, 2, "GET /x?key=s3cret")
    (masked,) = mask_records((request,), ("s3cret",))
    assert isinstance(masked, Request)
    assert masked.label == "GET /x?key=***"
