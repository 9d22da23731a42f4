"""Values of `${env.NAME}` never reach an output, also not inside longer strings."""

from __future__ import annotations

import msgspec

from chaoskit.records import Record, Request

MASK = "***"


def mask_text(text: str, secrets: tuple[str, ...]) -> str:
    """The text with every secret replaced; longest first, so that a secret inside another leaves nothing."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, MASK)
    return text


def mask_records(records: tuple[Record, ...], secrets: tuple[str, ...]) -> tuple[Record, ...]:
    """Records with the texts that come from the file masked."""
    if not secrets:
        return records
    return tuple(
        msgspec.structs.replace(record, label=mask_text(record.label, secrets))
        if isinstance(record, Request)
        else record
        for record in records
    )
