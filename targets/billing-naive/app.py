"""Billing: reads and creates invoices in DynamoDB.

A service as it is often written: the SDK's defaults, a retry loop around them, one pool of threads for everything.
See README.md for what that does when a name has no address."""

from __future__ import annotations

import os
import time
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from flask import Flask, Response, jsonify, request
from prometheus_client import Counter, Histogram, generate_latest
from waitress import serve

TRIES = 3
PAUSE = 0.5
THREADS = 8

app = Flask(__name__)
dynamodb = boto3.client("dynamodb", region_name="us-east-1")
requests_total = Counter("billing_requests_total", "Requests answered", ["route", "status"])
retries_total = Counter("billing_retries_total", "Retries of the application, on top of the SDK's own")
seconds = Histogram("billing_request_seconds", "Time to answer", ["route"])


def with_retries(call: Any, **arguments: Any) -> Any:
    """DynamoDB is sometimes shaky, so try again."""
    for attempt in range(TRIES):
        try:
            return call(**arguments)
        except (BotoCoreError, ClientError):
            if attempt == TRIES - 1:
                raise
            retries_total.inc()
            time.sleep(PAUSE)
    raise AssertionError("unreachable")


@app.get("/invoices/<invoice_id>")
def read(invoice_id: str) -> tuple[Response, int]:
    with seconds.labels("read").time():
        try:
            found = with_retries(dynamodb.get_item, TableName="invoices", Key={"id": {"S": invoice_id}})
        except (BotoCoreError, ClientError) as error:
            return answer("read", {"error": str(error)}, 503)
        item = found.get("Item")
        if item is None:
            return answer("read", {"error": "no such invoice"}, 404)
        return answer("read", {"id": item["id"]["S"], "amount": float(item["amount"]["N"])}, 200)


@app.post("/invoices")
def create() -> tuple[Response, int]:
    with seconds.labels("create").time():
        invoice = request.get_json()
        item = {"id": {"S": str(invoice["id"])}, "amount": {"N": str(invoice["amount"])}}
        try:
            with_retries(dynamodb.put_item, TableName="invoices", Item=item)
        except (BotoCoreError, ClientError) as error:
            return answer("create", {"error": str(error)}, 503)
        return answer("create", invoice, 201)


@app.get("/health")
def health() -> tuple[Response, int]:
    return answer("health", {"status": "ok"}, 200)


@app.get("/metrics")
def metrics() -> Response:
    return Response(generate_latest(), mimetype="text/plain")


def answer(route: str, body: dict[str, Any], status: int) -> tuple[Response, int]:
    requests_total.labels(route, str(status)).inc()
    return jsonify(body), status


if __name__ == "__main__":
    serve(app, host="0.0.0.0", port=int(os.environ.get("PORT", "8080")), threads=THREADS)
