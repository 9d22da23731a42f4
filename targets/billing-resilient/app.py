"""Billing: reads and creates invoices in DynamoDB, and goes on when DynamoDB does not.

What saves it under which fault: README.md."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from breaker import CLOSED, Breaker
from cache import Cache
from flask import Flask, Response, jsonify, request
from origin import Origin, Unavailable
from prometheus_client import Counter, Gauge, Histogram, generate_latest
from waitress import serve
from write_queue import Full, Invoice, WriteQueue

THREADS = 16
RETRY_AFTER = "5"

requests_total = Counter("billing_requests_total", "Requests answered", ["route", "status", "source"])
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
    return boto3.client("dynamodb", config=config)


def dependency_failed(error: Exception) -> bool:
    """Refused names and connections, timeouts, 5xx and throttling; not a request that we made wrong."""
    if isinstance(error, ClientError):
        return error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500 or "Throttl" in str(error)
    return isinstance(error, BotoCoreError)


def journal() -> Path:
    """Where accepted writes are kept; set BILLING_JOURNAL to a place that outlives the machine's /tmp."""
    return Path(os.environ.get("BILLING_JOURNAL", f"{tempfile.gettempdir()}/billing-{os.getpid()}.journal"))


app = Flask(__name__)
dynamodb = make_client()
breaker = Breaker()
origin = Origin(breaker, dependency_failed)
cache: Cache[Invoice] = Cache()
queue = WriteQueue(journal())
breaker_open.set_function(lambda: breaker.state != CLOSED)
queued_writes.set_function(lambda: len(queue))


@app.get("/invoices/<invoice_id>")
def read(invoice_id: str) -> tuple[Response, int]:
    with seconds.labels("read").time():
        if (waiting := queue.get(invoice_id)) is not None:
            return answer("read", waiting, 200, "queue")
        try:
            found = origin.call(dynamodb.get_item, TableName="invoices", Key={"id": {"S": invoice_id}})
        except Unavailable as error:
            return read_stale(invoice_id, error)
        if "Item" not in found:
            return answer("read", {"error": "no such invoice"}, 404, "origin")
        invoice = {"id": found["Item"]["id"]["S"], "amount": float(found["Item"]["amount"]["N"])}
        cache.put(invoice_id, invoice)
        return answer("read", invoice, 200, "origin")


def read_stale(invoice_id: str, error: Unavailable) -> tuple[Response, int]:
    """What we know is better than nothing, as long as we say how old it is."""
    kept = cache.get(invoice_id)
    if kept is None:
        return answer("read", {"error": str(error)}, 503, "nowhere")
    response, status = answer("read", kept.value, 200, "cache")
    response.headers["Age"] = str(int(kept.age))
    return response, status


@app.post("/invoices")
def create() -> tuple[Response, int]:
    with seconds.labels("create").time():
        body = request.get_json()
        invoice = {"id": str(body["id"]), "amount": float(body["amount"])}
        try:
            origin.call(put, invoice=invoice)
        except Unavailable:
            return create_later(invoice)
        cache.put(invoice["id"], invoice)
        return answer("create", invoice, 201, "origin")


def create_later(invoice: Invoice) -> tuple[Response, int]:
    """202: accepted, on disk, not yet done. 503 where that cannot be promised."""
    try:
        queue.put(invoice)
    except Full:
        response, status = answer("create", {"error": "too many writes wait"}, 503, "nowhere")
        response.headers["Retry-After"] = RETRY_AFTER
        return response, status
    return answer("create", invoice, 202, "queue")


def put(invoice: Invoice) -> None:
    """Idempotent by the id, so that a write whose answer got lost may be repeated."""
    item = {"id": {"S": invoice["id"]}, "amount": {"N": str(invoice["amount"])}}
    dynamodb.put_item(TableName="invoices", Item=item)


def replay(invoice: Invoice) -> bool:
    """One queued write; whether it is done."""
    try:
        origin.call(put, invoice=invoice)
    except Unavailable:
        return False
    return True


@app.get("/health")
def health() -> tuple[Response, int]:
    return answer("health", {"status": "ok"}, 200, "here")


@app.get("/metrics")
def metrics() -> Response:
    return Response(generate_latest(), mimetype="text/plain")


def answer(route: str, body: Invoice, status: int, source: str) -> tuple[Response, int]:
    requests_total.labels(route, str(status), source).inc()
    response = jsonify(body)
    response.headers["X-Served-From"] = source
    return response, status


if __name__ == "__main__":
    threading.Thread(target=queue.replay, args=(replay,), daemon=True).start()
    serve(app, host="0.0.0.0", port=8080, threads=THREADS)
