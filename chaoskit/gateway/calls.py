"""What an HTTP request is as an AWS call."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chaoskit.gateway.messages import Message

_ATTEMPT = re.compile(rb"attempt=(\d+)")


@dataclass(frozen=True)
class CallIdentity:
    """Operation, and which try of which SDK call it is."""

    operation: str
    invocation: str
    attempt: int
    agent: str


def identify(request: Message) -> CallIdentity:
    """From the SDK's own headers: X-Amz-Target of the JSON protocols (`DynamoDB_20120810.GetItem`),
    amz-sdk-invocation-id (the same for all tries of one call) and amz-sdk-request (`attempt=N; max=M`)."""
    attempt = _ATTEMPT.search(request.get(b"amz-sdk-request"))
    return CallIdentity(
        request.get(b"x-amz-target").rpartition(b".")[2].decode("latin-1"),
        request.get(b"amz-sdk-invocation-id").decode("latin-1"),
        int(attempt[1]) if attempt else 0,
        request.get(b"user-agent").decode("latin-1"),
    )
