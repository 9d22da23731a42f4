"""The experiment file as it is written: its keys and their types. The JSON Schema is made from these models."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, WithJsonSchema, create_model

from chaoskit import units
from chaoskit.faults import FAULTS, Fault

NAME = r"^[a-z][a-z0-9_-]*$"
METHODS = ("get", "post", "put", "patch", "delete", "head")


class Model(BaseModel):
    """Unknown keys are errors; nothing is coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _quantity(read: Callable[[str], float], zero_is_fine: bool = True) -> BeforeValidator:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError("a text with a unit is needed")
        found = read(str(value))
        if not zero_is_fine and found <= 0:
            raise ValueError(f"{value!r} must be more than 0")
        return float(found)

    return BeforeValidator(check)


def _schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": rf"^({pattern}|.*\$\{{.+\}}.*)$", "examples": [example]})


_DURATION = _schema(r"(\d+(\.\d+)?(us|ms|s|m|h))+", "5s")
Duration = Annotated[float, _quantity(units.duration), _DURATION]
Length = Annotated[float, _quantity(units.duration, zero_is_fine=False), _DURATION]
Rate = Annotated[float, _quantity(units.rate, zero_is_fine=False), _schema(r"\d+(\.\d+)?/(s|sec|min|m|h)", "50/s")]
Name = Annotated[str, Field(pattern=NAME)]
Status = Annotated[int, Field(ge=100, le=599)]
Scalar = str | int | float | bool | None


def _one_or_many(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


# ---------------------------------------------------------------- target


def _ready_short(value: Any) -> Any:
    return {"http": value} if isinstance(value, str) else value


class ReadyFile(Model):
    """When the target is ready. Short form: the path of `http`."""

    http: str | None = Field(None, pattern="^/", description="answered 2xx or 3xx")
    tcp: Literal[True] | None = Field(None, description="something listens on its port")
    alive: Literal[True] | None = Field(None, description="its process runs")
    within: Length = Field(30.0, description="deadline")


Argv = Annotated[list[str], Field(min_length=1)]


class TargetFile(Model):
    """A target.yaml, or the inline form."""

    command: Argv = Field(description="argv; no shell")
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    ready: Annotated[ReadyFile, BeforeValidator(_ready_short, json_schema_input_type=str | ReadyFile)] | None = None
    env: dict[str, str] = {}
    workdir: str | None = None
    setup: list[Argv] = Field([], description="commands run outside the sandbox, once per state of the folder")


# ---------------------------------------------------------------- dependencies


class TableFile(Model):
    """A DynamoDB table, created and filled before the target starts."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{3,255}$")]
    key: str
    key_type: Literal["S", "N", "B"] = "S"
    sort: str | None = None
    sort_type: Literal["S", "N", "B"] = "S"
    items: str | list[dict[str, Any]] = Field([], description="plain JSON, or the path of a JSON file with a list")


class AwsFile(Model):
    """An AWS service, emulated."""

    aws: Literal["dynamodb"]
    region: str
    ttl: Length = Field(5.0, description="of its address records")
    tables: list[TableFile] = []


class TcpFile(Model):
    """A TCP server that already runs."""

    tcp: str = Field(description="host:port, as the target calls it")
    upstream: str = Field(description="host:port, where it runs")
    ttl: Length = 5.0


def _dependency_tag(value: Any) -> str:
    return "tcp" if isinstance(value, dict) and "tcp" in value else "aws"


DependencyFile = Annotated[
    Annotated[AwsFile, Tag("aws")] | Annotated[TcpFile, Tag("tcp")], Discriminator(_dependency_tag)
]

# ---------------------------------------------------------------- load


class ExpectFile(Model):
    """What counts as success."""

    status: Annotated[list[Status], BeforeValidator(_one_or_many, json_schema_input_type=Status | list[Status])] = []
    json_: dict[str, Any] = Field({}, alias="json", description="JSON path → value, `present` or `absent`")
    body: str | None = Field(None, description="text that the body must hold")
    headers: dict[str, str] = {}


class CheckFile(Model):
    """A request: one of get, post, put, patch, delete, head (a path) or call (dependency.Operation)."""

    get: str | None = None
    post: str | None = None
    put: str | None = None
    patch: str | None = None
    delete: str | None = None
    head: str | None = None
    call: str | None = Field(None, description="an AWS call that goes around the faults, e.g. dynamodb.GetItem")
    with_: dict[str, Any] = Field({}, alias="with", description="the arguments of `call`")
    json_: Any = Field(None, alias="json")
    body: str | None = None
    headers: dict[str, str] = {}
    expect: ExpectFile = ExpectFile()


class EffectFile(CheckFile):
    """What an accepted request must have brought about."""

    within: Length = Field(10.0, description="how long after the load's end it may still come")


class RequestFile(CheckFile):
    """A request of a load. Short form: `GET /path`."""

    effect: EffectFile | None = None


def _request_short(value: Any) -> Any:
    if isinstance(value, str):
        method, _, path = value.partition(" ")
        if method.lower() not in METHODS or not path:
            raise ValueError(f"{value!r} is no request; write e.g. GET /invoices/1")
        return {method.lower(): path.strip()}
    return value


class LoadFile(Model):
    """One named load, open loop."""

    rate: Rate
    timeout: Length = Field(10.0, description="counted from when a request is due")
    requests: Annotated[
        list[Annotated[RequestFile, BeforeValidator(_request_short, json_schema_input_type=str | RequestFile)]],
        Field(min_length=1),
    ]


# ---------------------------------------------------------------- phases


def _fault_model(fault: type[Fault]) -> type[Model]:
    """The file's form of a fault: `fault`, `of`, and the fields of its struct."""
    hints = get_type_hints(fault)
    fields: dict[str, Any] = {"fault": (Literal[fault.kind], ...)}
    names = Annotated[list[str], BeforeValidator(_one_or_many, json_schema_input_type=str | list[str])]
    fields["of"] = (Annotated[names, Field(min_length=1)], ...)
    for field in msgspec.structs.fields(fault):
        kind = (Length if field.required else Duration) if hints[field.name] is float else hints[field.name]
        fields[field.name] = (kind, ... if field.required else field.default)
    name = "".join(word.title() for word in fault.kind.split("."))
    return create_model(name, __base__=Model, __doc__=fault.__doc__, **fields)


FAULT_MODELS: dict[str, type[Model]] = {kind: _fault_model(fault) for kind, fault in FAULTS.items()}
AnyFaultFile: Any = functools.reduce(operator.or_, FAULT_MODELS.values())


class PhaseFile(Model):
    """A named span of time."""

    phase: Name
    for_: Length = Field(alias="for")
    faults: list[Annotated[AnyFaultFile, Field(discriminator="fault")]] = []
    until: Literal["steady"] | None = Field(None, description="end early once the steady state is back")


class ExperimentFile(Model):
    """A whole experiment."""

    title: str
    description: str = ""
    tags: list[str] = []
    vars: dict[Name, Scalar] = {}
    matrix: list[dict[Name, Scalar]] = []
    target: str | TargetFile
    expect: Literal["passed", "failed", "inconclusive", "void"] = "passed"
    dependencies: dict[Name, DependencyFile] = {}
    warmup: Duration = 2.0
    load: Annotated[dict[Name, LoadFile], Field(min_length=1)]
    steady: list[str] = ["success_rate >= 99%"]
    phases: Annotated[list[PhaseFile], Field(min_length=1)]
    slos: list[str] = []
