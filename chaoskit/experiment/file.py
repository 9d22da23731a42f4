"""The file as it is written: pydantic models. They check shape and units, and make the JSON Schema.

What a name means, and what goes with what, is for `resolve.py` and its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar, Union, get_origin

import msgspec
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from chaoskit.experiment.models import Expectation
from chaoskit.experiment.nodes import Node, Report, nearest
from chaoskit.experiment.quantities import (
    Duration,
    EnvironmentText,
    LongDuration,
    Name,
    Port,
    Rate,
    Word,
)
from chaoskit.faults import FAULTS

METHODS = ("get", "post", "put", "patch", "delete", "head")
Json: TypeAlias = Any
Item = TypeVar("Item")
Many: TypeAlias = Annotated[list[Item], Field(max_length=100)]
"""A list as long as anybody writes by hand."""
Scalar: TypeAlias = str | int | float | bool | None


def _text_or_other(value: Any) -> str:
    """A discriminator's tag. (Tags stand in <>, so that none is taken for a key where pydantic names a place.)"""
    return "<text>" if isinstance(value, str) else "<other>"


class Written(dict[str, Any]):
    """A mapping of the file as plain values, that still knows its node."""

    def __init__(self, node: Node, values: dict[str, Any]) -> None:
        super().__init__(values)
        self.node = node


class Model(BaseModel):
    """Strict, frozen, no unknown keys. (Those of a `Written` go to the report in the context, and validation goes on:
    a misspelt key must not hide what else is wrong beside it.)"""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, Written) or not isinstance(info.context, Report):
            return value
        keys = [field.alias or name for name, field in cls.model_fields.items()]
        for key in value:
            if key not in keys:
                hint = "" if info.context.full else nearest(key, keys)
                info.context.add(value.node.keys[key], f"unknown key {key[:64]!r}", hint)
        return {key: inner for key, inner in value.items() if key in keys}


class ReadyFile(Model):
    """When the target counts as ready: one of `http`, `tcp`, `alive`, and how long it may take."""

    http: Annotated[str, Field(pattern="^/")] | None = None
    tcp: Literal[True] | None = None
    alive: Literal[True] | None = None
    within: LongDuration = 30.0

    @model_validator(mode="after")
    def _one(self) -> ReadyFile:
        if sum(way is not None for way in (self.http, self.tcp, self.alive)) != 1:
            raise PydanticCustomError("one_of", "write one of `http: /path`, `tcp: true`, `alive: true`")
        return self


def _ready(value: Any) -> Any:
    """The short forms: `/path`, `tcp`, `alive`."""
    if not isinstance(value, str):
        return value
    if value in ("tcp", "alive"):
        return {value: True}
    if value.startswith("/"):
        return {"http": value}
    raise PydanticCustomError("ready", "write `ready: /path`, `ready: tcp` or `ready: alive`")


def _argv(value: Any) -> Any:
    if isinstance(value, str):
        raise PydanticCustomError("argv", "a command is a list of words, e.g. [python, app.py]; no shell reads it")
    return value


Argv: TypeAlias = Annotated[list[Word], Field(min_length=1), BeforeValidator(_argv)]


class TargetFile(Model):
    """`target.yaml`, or a target written into the experiment."""

    command: Argv
    port: Port | None = None
    ready: Annotated[ReadyFile | None, BeforeValidator(_ready, json_schema_input_type=str | ReadyFile | None)] = None
    env: dict[str, EnvironmentText] = {}
    workdir: Word | None = None
    setup: Many[Argv] = []


AttributeType: TypeAlias = Literal["S", "N", "B"]


class TableFile(Model):
    """A DynamoDB table that is there, filled, before the target starts."""

    name: Annotated[str, Field(pattern="^[a-zA-Z0-9_.-]{3,255}$")]
    key: Word
    key_type: AttributeType = "S"
    sort: Word | None = None
    sort_type: AttributeType = "S"
    items: Annotated[
        Annotated[Word, Tag("<text>")] | Annotated[list[dict[str, Json]], Tag("<other>")], Discriminator(_text_or_other)
    ] = []


class AwsFile(Model):
    """A dependency on an AWS service in a region."""

    aws: Literal["dynamodb"]
    region: Word
    ttl: Duration = 5.0
    tables: Many[TableFile] = []


class TcpFile(Model):
    """A dependency on a TCP server that already runs."""

    tcp: Word
    upstream: Word
    ttl: Duration = 5.0


def _kind_of_dependency(value: Any) -> str | None:
    if isinstance(value, AwsFile | TcpFile):
        return "<aws>" if isinstance(value, AwsFile) else "<tcp>"
    return next((f"<{kind}>" for kind in ("aws", "tcp") if isinstance(value, dict) and kind in value), None)


DependencyFile: TypeAlias = Annotated[
    Annotated[AwsFile, Tag("<aws>")] | Annotated[TcpFile, Tag("<tcp>")],
    Discriminator(
        _kind_of_dependency,
        custom_error_type="dependency",
        custom_error_message="a dependency needs `aws: dynamodb` or `tcp: host:port`",
    ),
]


def _statuses(value: Any) -> Any:
    return [value] if isinstance(value, int) else value


Status: TypeAlias = Annotated[int, Field(ge=100, le=599)]
Statuses: TypeAlias = Annotated[list[Status], BeforeValidator(_statuses, json_schema_input_type=Status | list[Status])]


class CallExpectFile(Model):
    """What counts as success of a call: the statuses (default any 2xx or 3xx), and values in the answer."""

    status: Statuses = []
    json_: dict[str, Json] = Field({}, alias="json")


class HttpExpectFile(CallExpectFile):
    """… and of an HTTP request: text in the body, and headers."""

    body: str | None = None
    headers: dict[str, EnvironmentText] = {}


class HttpFile(Model):
    """An HTTP request to the target."""

    get: Word | None = None
    post: Word | None = None
    put: Word | None = None
    patch: Word | None = None
    delete: Word | None = None
    head: Word | None = None
    json_: Json = Field(None, alias="json")
    body: str | None = None
    headers: dict[str, EnvironmentText] = {}
    expect: HttpExpectFile = HttpExpectFile()

    @model_validator(mode="after")
    def _one(self) -> HttpFile:
        if sum(getattr(self, method) is not None for method in METHODS) != 1:
            raise PydanticCustomError("one_of", "a request has one of get, post, put, patch, delete, head: /path")
        if self.body is not None and "json_" in self.model_fields_set:
            raise PydanticCustomError("one_of", "a request has a `json` or a `body`, not both")
        return self

    @property
    def line(self) -> tuple[str, str]:
        """The method's key and the path."""
        return next((method, path) for method in METHODS if (path := getattr(self, method)) is not None)


class CallFile(Model):
    """An AWS call that goes around the faults."""

    call: Word
    with_: dict[str, Json] = Field({}, alias="with")
    expect: CallExpectFile = CallExpectFile()


class HttpEffectFile(HttpFile):
    """A request that must succeed once the other was accepted."""

    within: Duration = 10.0


class CallEffectFile(CallFile):
    """A call that must succeed once the request was accepted."""

    within: Duration = 10.0


def _kind_of_request(value: Any) -> str:
    if isinstance(value, CallFile):
        return "<call>"
    return "<call>" if isinstance(value, dict) and "call" in value else "<http>"


def _short(value: Any) -> Any:
    """`GET /x` as a mapping."""
    if not isinstance(value, str):
        return value
    method, _, path = value.partition(" ")
    if method.lower() not in METHODS or not path.strip():
        raise PydanticCustomError("request", "a short request is a method and a path, e.g. `GET /health`")
    return {method.lower(): path.strip()}


EffectFile: TypeAlias = Annotated[
    Annotated[HttpEffectFile, Tag("<http>")] | Annotated[CallEffectFile, Tag("<call>")], Discriminator(_kind_of_request)
]


class HttpRequestFile(HttpFile):
    """One of a load's requests."""

    effect: EffectFile | None = None


class CallRequestFile(CallFile):
    """A call as one of a load's requests."""

    effect: EffectFile | None = None


_RequestFile: TypeAlias = Annotated[
    Annotated[HttpRequestFile, Tag("<http>")] | Annotated[CallRequestFile, Tag("<call>")],
    Discriminator(_kind_of_request),
]
RequestFile: TypeAlias = Annotated[_RequestFile, BeforeValidator(_short, json_schema_input_type=str | _RequestFile)]


class LoadFile(Model):
    """A named stream of requests, open loop."""

    rate: Rate
    timeout: LongDuration = 10.0
    requests: Annotated[list[RequestFile], Field(min_length=1, max_length=1000)]


def _one_or_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Of: TypeAlias = Annotated[
    list[Word],
    Field(min_length=1, max_length=200),
    BeforeValidator(_one_or_list, json_schema_input_type=Word | list[Word]),
]


class FaultFile(Model):
    """A fault of a phase. Its parameters are the fields of the fault of that kind, added below."""

    fault: str
    of: Of


def _fault_model(kind: str) -> type[FaultFile]:
    fields: dict[str, Any] = {"fault": (Literal[kind], ...)}
    for parameter in msgspec.structs.fields(FAULTS[kind]):
        default = ... if parameter.required else parameter.default
        fields[parameter.name] = (_parameter(parameter.type), default)
    return create_model(kind, __base__=FaultFile, __doc__=FAULTS[kind].__doc__, **fields)


def _parameter(kind: Any) -> Any:
    """In the file, a fault's numbers are durations and its words are as they are."""
    if kind is float:
        return Duration
    if get_origin(kind) is Literal:
        return kind
    raise TypeError(f"no spelling in the file for {kind}")


FAULT_FILES = {kind: _fault_model(kind) for kind in FAULTS}
if TYPE_CHECKING:
    PlacedFaultFile: TypeAlias = FaultFile
else:
    PlacedFaultFile = Annotated[Union[tuple(FAULT_FILES.values())], Discriminator("fault")]  # noqa: UP007


class PhaseFile(Model):
    """A named span of time with its faults."""

    phase: Name
    for_: LongDuration = Field(alias="for")
    faults: Many[PlacedFaultFile] = []
    until: Literal["steady"] | None = None


class ExperimentFile(Model):
    """An experiment: what is tested, how it is broken, what must hold."""

    title: Word
    description: str = ""
    tags: Many[Word] = []
    vars: dict[Name, Scalar] = {}
    matrix: list[dict[Name, Scalar]] = []
    target: Annotated[
        Annotated[Word, Tag("<text>")] | Annotated[TargetFile, Tag("<other>")], Discriminator(_text_or_other)
    ]
    expect: Expectation = "passed"
    dependencies: Annotated[dict[Name, DependencyFile], Field(max_length=200)] = {}
    warmup: Duration = 2.0
    load: Annotated[dict[Name, LoadFile], Field(min_length=1, max_length=100)]
    steady: Many[Word] = ["success_rate >= 99%"]
    phases: Annotated[list[PhaseFile], Field(min_length=1, max_length=100)]
    slos: Many[Word] = []
