"""Billing: reads and creates invoices in DynamoDB, and goes on when DynamoDB does not.

What saves it under which fault: README.md."""

from __future__ import annotations

import logging
import math
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError
from breaker import CLOSED, Breaker
from cache import Cache
from flask import Flask, Response, jsonify, request
from journal import claim
from origin import Origin, Unavailable
from prometheus_client import Counter, Gauge, Histogram, generate_latest
from single_flight import SingleFlight
from waitress import serve
from write_queue import Full, Invoice, WriteQueue

THREADS = 16
RETRY_AFTER = "5"
MISTAKES = {"ValidationException", "SerializationException"}
"""Codes by which DynamoDB says that it is well and the request is not."""

log = logging.getLogger("billing")
requests_total = Counter("billing_requests_total", "Requests answered", ["route", "status", "source"])
rejected_total = Counter("billing_rejected_writes_total", "Queued writes that DynamoDB will never take")
seconds = Histogram("billing_request_seconds", "Time to answer", ["route"])
breaker_open = Gauge("billing_breaker_open", "1 while the breaker is not closed")
queued_writes = Gauge("billing_queued_writes", "Writes accepted and not yet in DynamoDB")


def make_client() -> Any:
    """One try is one try: what is retried, and how often, is decided in origin.py and nowhere else."""
    config = Config(
        connect_timeout=0.25,
        read_timeout=0.4,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=16,
    )
    return boto3.client("dynamodb", region_name="us-east-1", config=config)


def our_mistake(error: Exception) -> bool:
    """Whether the request was wrong, so that asking again, now or later, gets the same answer."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] in MISTAKES
    return isinstance(error, ParamValidationError)


def dependency_failed(error: Exception) -> bool:
    """Names, connections, timeouts, 5xx, throttling, unreadable answers; neither our mistakes nor our bugs."""
    return isinstance(error, (BotoCoreError, ClientError, ResponseParserError)) and not our_mistake(error)


def journal_folder() -> Path:
    """Where accepted writes are kept; set BILLING_JOURNALS to a place that outlives the machine's /tmp."""
    return Path(os.environ.get("BILLING_JOURNALS", tempfile.gettempdir()))


app = Flask(__name__)
dynamodb = make_client()
breaker = Breaker()
origin = Origin(breaker, dependency_failed)
cache: Cache[Invoice] = Cache()
flights: SingleFlight[Invoice | None] = SingleFlight()
queue = WriteQueue(claim(journal_folder()))
breaker_open.set_function(lambda: breaker.state != CLOSED)
queued_writes.set_function(lambda: len(queue))


@app.get("/invoices/<invoice_id>")
def read(invoice_id: str) -> tuple[Response, int]:
    with seconds.labels("read").time():
        if (waiting := queue.get(invoice_id)) is not None:
            return answer("read", waiting, 200, "queue")
        try:
            invoice = flights.do(invoice_id, lambda: fetch(invoice_id))
        except Unavailable as error:
            return read_stale(invoice_id, error)
        except (ClientError, ParamValidationError) as error:
            return answer("read", {"error": str(error)}, 400, "origin")
        if invoice is None:
            return answer("read", {"error": "no such invoice"}, 404, "origin")
        return answer("read", invoice, 200, "origin")


def fetch(invoice_id: str) -> Invoice | None:
    """Ask DynamoDB, and remember what it said."""
    asked = cache.now()
    found = origin.call(dynamodb.get_item, TableName="invoices", Key={"id": {"S": invoice_id}})
    if "Item" not in found:
        cache.forget(invoice_id)
        return None
    invoice = {"id": found["Item"]["id"]["S"], "amount": float(found["Item"]["amount"]["N"])}
    cache.put(invoice_id, invoice, asked)
    return invoice


def read_stale(invoice_id: str, error: Unavailable) -> tuple[Response, int]:
    """What we know is better than nothing, as long as we say how old it is."""
    kept = cache.get(invoice_id)
    if kept is None:
        return unavailable("read", str(error))
    response, status = answer("read", kept.value, 200, "cache")
    response.headers["Age"] = str(int(kept.age))
    return response, status


@app.post("/invoices")
def create() -> tuple[Response, int]:
    with seconds.labels("create").time():
        invoice = parse(request.get_json(silent=True))
        if invoice is None:
            return answer("create", {"error": "wanted: {id: text, amount: number}"}, 400, "here")
        if queue.get(invoice["id"]) is not None:
            return create_later(invoice)  # an older write of this id waits, and must not come last
        try:
            store(invoice)
        except Unavailable:
            return create_later(invoice)
        except (ClientError, ParamValidationError) as error:
            return answer("create", {"error": str(error)}, 400, "origin")
        return answer("create", invoice, 201, "origin")


def parse(body: Any) -> Invoice | None:
    """The invoice in a request. What DynamoDB would refuse must not get into the queue."""
    if not isinstance(body, dict) or not isinstance(body.get("id"), str):
        return None
    amount = body.get("amount")
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not 1 <= len(body["id"].encode()) <= 2048:
        return None
    plain = amount == 0 or 1e-30 < abs(amount) < 1e30  # within DynamoDB's numbers; not infinite, not NaN
    return {"id": body["id"], "amount": float(amount)} if plain and math.isfinite(amount) else None


def create_later(invoice: Invoice) -> tuple[Response, int]:
    """202: accepted, on disk, not yet done. 503 where that cannot be promised."""
    try:
        queue.put(invoice)
    except Full:
        return unavailable("create", "too many writes wait")
    return answer("create", invoice, 202, "queue")


def store(invoice: Invoice) -> None:
    """Write, and see to it that no read returns what was there before."""
    origin.call(put, invoice=invoice)
    cache.put(invoice["id"], invoice)
    flights.forget(invoice["id"])


def put(invoice: Invoice) -> None:
    """Idempotent by the id, so that a write whose answer got lost may be repeated."""
    item = {"id": {"S": invoice["id"]}, "amount": {"N": str(invoice["amount"])}}
    dynamodb.put_item(TableName="invoices", Item=item)


def replay(invoice: Invoice) -> bool:
    """One queued write; whether it is settled: stored, or refused for good (it must not block those behind it)."""
    try:
        store(invoice)
    except Unavailable:
        return False
    except (ClientError, ParamValidationError) as error:
        rejected_total.inc()
        log.error("write of invoice %s refused: %s", invoice["id"], error)
    return True


@app.get("/health")
def health() -> tuple[Response, int]:
    return answer("health", {"status": "ok"}, 200, "here")


@app.get("/metrics")
def metrics() -> Response:
    return Response(generate_latest(), mimetype="text/plain")


def unavailable(route: str, why: str) -> tuple[Response, int]:
    """503, and when to come back."""
    response, status = answer(route, {"error": why}, 503, "nowhere")
    response.headers["Retry-After"] = RETRY_AFTER
    return response, status


def answer(route: str, body: Invoice, status: int, source: str) -> tuple[Response, int]:
    requests_total.labels(route, str(status), source).inc()
    response = jsonify(body)
    response.headers["X-Served-From"] = source
    return response, status


if __name__ == "__main__":
    threading.Thread(target=queue.replay, args=(replay,), daemon=True).start()
    serve(app, host="0.0.0.0", port=int(os.environ.get("PORT", "8080")), threads=THREADS)
