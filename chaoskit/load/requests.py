"""A request of the file as bytes on the wire, and the judgement of its answer: HTTP and AWS calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from chaoskit.load.expectations import Answer, holds, json_holds, status_holds
from chaoskit.load.templates import Draws
from chaoskit.wire import JSON, AwsRequest, EmulatorFront, HttpRequest


@dataclass(frozen=True)
class Wired:
    """Bytes to send, and what a person would call them."""

    data: bytes
    label: str
    head: bool


def wire_http(request: HttpRequest, host: str, draws: Draws) -> Wired:
    """An HTTP request to the target."""
    path = draws.text(request.path)
    headers = {"host": host, "user-agent": "chaoskit", "accept": "*/*"}
    body = b""
    if request.has_json:
        body = json.dumps(draws.json(request.json)).encode()
        headers["content-type"] = "application/json"
    elif request.body is not None:
        body = draws.text(request.body).encode()
    headers |= {name.lower(): draws.text(value) for name, value in request.headers.items()}
    if body or request.method in ("POST", "PUT", "PATCH"):
        headers["content-length"] = str(len(body))
    return Wired(_pack(request.method, path, headers, body), f"{request.method} {path}", request.method == "HEAD")


def _pack(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# ---------------------------------------------------------------- AWS


@lru_cache
def _service(name: str) -> tuple[Any, Any, Any]:
    """botocore's model, serializer and parser of a service."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel
    from botocore.parsers import create_parser
    from botocore.serialize import create_serializer

    model = ServiceModel(Loader().load_service_model(name, "service-2"), name)
    protocol = model.metadata["protocol"]
    return model, create_serializer(protocol, include_validation=False), create_parser(protocol)


def wire_aws(request: AwsRequest, front: EmulatorFront, draws: Draws) -> Wired:
    """An AWS call for the emulator; it takes the region from the credential scope and checks no signature."""
    model, serializer, _ = _service(front.service)
    operation = model.operation_model(request.operation)
    made = serializer.serialize_to_request(_fitted(draws.json(request.arguments), operation.input_shape), operation)
    body = made["body"] if isinstance(made["body"], bytes) else str(made["body"]).encode()
    headers = {
        "Host": f"{front.service}.{front.region}.amazonaws.com",
        **made["headers"],
        "Authorization": f"AWS4-HMAC-SHA256 Credential=chaoskit/20250101/{front.region}/{front.service}/aws4_request, "
        "SignedHeaders=host, Signature=0",
        "Content-Length": str(len(body)),
    }
    label = f"{request.dependency}.{request.operation}"
    return Wired(_pack(made["method"], made["url_path"], headers, body), label, head=False)


def _fitted(value: JSON, shape: Any) -> JSON:
    """A drawn number becomes text where the model wants text (`{S: "${seq}"}`, and `{N: "${1..40}"}`, too)."""
    match value:
        case dict() if shape.type_name == "structure":
            return {name: _fitted(item, shape.members[name]) for name, item in value.items()}
        case dict() if shape.type_name == "map":
            return {name: _fitted(item, shape.value) for name, item in value.items()}
        case list() if shape.type_name == "list":
            return [_fitted(item, shape.member) for item in value]
        case int() if shape.type_name == "string":
            return str(value)
    return value


def aws_holds(request: AwsRequest, front: EmulatorFront, answer: Answer, draws: Draws) -> str:
    """Like `expectations.holds`, over the parsed answer (botocore's output shape)."""
    from botocore.parsers import ResponseParserError

    if not status_holds(request.expect, answer.status):
        return "status"
    model, _, parser = _service(front.service)
    shape = model.operation_model(request.operation).output_shape
    raw = {"body": answer.body, "headers": dict(answer.headers), "status_code": answer.status}
    try:
        if model.metadata["protocol"] == "json":
            json.loads(answer.body)  # botocore's own parser takes what is no JSON for an empty answer
        parsed = parser.parse(raw, shape)
    except (ValueError, ResponseParserError):
        return "protocol"
    return "" if json_holds(request.expect, parsed, draws) else "expect"


def http_holds(request: HttpRequest, answer: Answer, draws: Draws) -> str:
    """Empty when the answer is as expected, else the class of its failure."""
    return holds(request.expect, answer, draws)
