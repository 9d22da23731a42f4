"""What the coordinator and the parts say to each other: settings, commands, answers, records.

A part is a program (`python -m chaoskit.dns …`) with one inherited unix stream socket, its *channel*
(`channel.py`). The first frame it receives is `Start`, with its listeners as file descriptors; it answers
`Ready`. From then on commands come with a number and are answered by `Done`; records flow in `Batch`es.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from chaoskit.records import Record

JSON: TypeAlias = Any
"""A value that JSON can hold, taken from the user's file and passed on as it is (a body, a table's item)."""


class Settings(msgspec.Struct, frozen=True, tag=True):
    """Base of what a part is told at its start."""


# ---------------------------------------------------------------- dns


class NameGroup(msgspec.Struct, frozen=True):
    """All DNS names of one dependency, blanked or answered together."""

    dependency: str
    names: tuple[str, ...]
    """Exact names, or `*.suffix` for any one or more labels below suffix; lower case, no final dot."""
    address: str
    """IPv4 address given for an A query; AAAA is always NODATA."""
    ttl: int
    """Seconds, of address records and (as SOA minimum) of negative answers."""


class DnsSettings(Settings, frozen=True, tag="dns"):
    """Sockets by name: `udp`, `tcp` (port 53 inside the sandbox)."""

    groups: tuple[NameGroup, ...]


DnsAnswer = Literal["nodata", "nxdomain", "servfail", "drop", "slow"]


class DnsInject(msgspec.Struct, frozen=True, tag="dns-inject"):
    """From now on answer the names of `dependency` so. The newest fault of a dependency wins."""

    fault: str
    dependency: str
    answer: DnsAnswer
    delay: float = 0.0
    """For slow: seconds before the true answer."""


class DnsClear(msgspec.Struct, frozen=True, tag="dns-clear"):
    """Take a fault away. Unknown or already cleared is no error (undo is idempotent)."""

    fault: str


# ---------------------------------------------------------------- proxy


class ProxySettings(Settings, frozen=True, tag="proxy"):
    """Sockets by name: `api` (a listener for the Toxiproxy HTTP API); `listen:NAME` for each proxy that is to
    use a handed-in listener (a proxy created with name NAME uses it instead of binding); optionally `syn`,
    an AF_PACKET socket that sees the SYNs to the dependencies."""

    seed: int
    syn_addresses: dict[str, str] = {}
    """`address:port` as seen on the wire → name of the dependency, for the `syn` socket."""


class Drain(msgspec.Struct, frozen=True, tag="drain"):
    """End the connections of `dependency` that are open now, politely.

    proxy: FIN to a connection after `idle` seconds of silence both ways, and to whatever is left after
    `deadline`. gateway: `Connection: close` on the next response of each connection open now."""

    dependency: str
    idle: float | None = 0.1
    """None: do not watch for silence (the gateway drains); only the deadline acts."""
    deadline: float = 5.0


class Cut(msgspec.Struct, frozen=True, tag="cut"):
    """proxy: RST to both sides of every connection of `dependency` open now."""

    dependency: str


# ---------------------------------------------------------------- gateway


class AwsFront(msgspec.Struct, frozen=True):
    """One AWS dependency behind the gateway."""

    dependency: str
    service: str
    """botocore's name of the service, e.g. dynamodb."""
    region: str
    upstream: str
    """host:port of the emulator, plain HTTP."""


class GatewaySettings(Settings, frozen=True, tag="gateway"):
    """Sockets by name: `listen:DEPENDENCY` per front (plain TCP listeners; the gateway speaks TLS on them),
    `certificate`: a memory file with the leaf's key and chain, PEM."""

    fronts: tuple[AwsFront, ...]


# ---------------------------------------------------------------- emulator


class Table(msgspec.Struct, frozen=True):
    """A DynamoDB table to create and fill: on-demand billing, `key` (and `sort`) typed by `key_type`."""

    name: str
    key: str
    key_type: Literal["S", "N", "B"] = "S"
    sort: str | None = None
    sort_type: Literal["S", "N", "B"] = "S"
    items: tuple[dict[str, JSON], ...] = ()
    """Plain JSON: a number becomes N, text S, true/false BOOL, null NULL, list L, object M."""


class EmulatorSettings(Settings, frozen=True, tag="emulator"):
    """Sockets by name: `tcp` and `unix`, both listening, plain HTTP with keep-alive."""

    region: str
    tables: tuple[Table, ...]


# ---------------------------------------------------------------- relay and load


class RelaySettings(Settings, frozen=True, tag="relay"):
    """Sockets by name: `listen` (host listener). The process enters the target's network first
    (`namespace` = descriptor sent as socket `namespace`, a pidfd of the sandbox's init)."""

    port: int


class Expect(msgspec.Struct, frozen=True):
    """What counts as success."""

    status: tuple[int, ...] = ()
    """Empty: any 2xx or 3xx."""
    json: dict[str, JSON] = {}
    """JSON path (dotted, `a.b.0`) → exact value, or the word `present` / `absent`."""
    body: str | None = None
    """Text that the body must contain."""
    headers: dict[str, str] = {}


class HttpRequest(msgspec.Struct, frozen=True, tag="http"):
    """An HTTP request to the target. Texts may hold `${uuid}`, `${seq}`, `${a..b}`, drawn once per request."""

    method: str
    path: str
    headers: dict[str, str] = {}
    json: JSON = None
    has_json: bool = False
    body: str | None = None
    expect: Expect = Expect()


class AwsRequest(msgspec.Struct, frozen=True, tag="aws"):
    """An AWS call that goes around the faults, to the emulator's unix socket."""

    dependency: str
    operation: str
    arguments: JSON
    expect: Expect = Expect()
    """`json` is looked up in the parsed answer, botocore's output shape (`Item`, `Count`)."""


LoadRequest: TypeAlias = HttpRequest | AwsRequest


class EffectSpec(msgspec.Struct, frozen=True):
    """What an accepted request must have brought about, and how long the last check may wait."""

    check: HttpRequest | AwsRequest
    within: float = 10.0
    """Seconds after the end of the load."""


class LoadItem(msgspec.Struct, frozen=True):
    """One of a load's requests with its effect. A load takes its items in turn (seq modulo their number)."""

    request: LoadRequest
    effect: EffectSpec | None = None


class LoadStream(msgspec.Struct, frozen=True):
    """One named load."""

    name: str
    rate: float
    """Requests per second."""
    timeout: float
    """Seconds, from due."""
    items: tuple[LoadItem, ...]
    arrivals: Literal["constant"] = "constant"


class EmulatorFront(msgspec.Struct, frozen=True):
    """Where `call:` of a dependency goes."""

    dependency: str
    service: str
    region: str
    socket: str
    """Path of the emulator's unix socket."""


class LoadSettings(Settings, frozen=True, tag="load"):
    """Sockets by name: `namespace` (pidfd of the sandbox's init; entered before anything else, when given)."""

    seed: int
    host: str
    port: int
    streams: tuple[LoadStream, ...]
    span: float
    """Seconds of schedule: warm-up and all phases at their full length."""
    emulators: tuple[EmulatorFront, ...] = ()


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """load: the schedule's zero is `at` (seconds since the run's origin)."""

    at: float
    host: str = ""
    """Where the target listens, when the settings could not know; empty: as in the settings."""


class EndAt(msgspec.Struct, frozen=True, tag="end-at"):
    """load: nothing is due at or after `at`. Answered when every open request has ended (or timed out) and
    every effect had its last check; the value is the number of requests due."""

    at: float


class Flush(msgspec.Struct, frozen=True, tag="flush"):
    """Send all records that wait; answered after them."""


class Status(msgspec.Struct, frozen=True, tag="status"):
    """What faults are in force here: the answer's `value` is their ids, sorted."""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Flush and end. Answered before the process ends."""


AnySettings: TypeAlias = DnsSettings | ProxySettings | GatewaySettings | EmulatorSettings | RelaySettings | LoadSettings
AnyCommand: TypeAlias = DnsInject | DnsClear | Drain | Cut | Begin | EndAt | Flush | Status | Stop


class Start(msgspec.Struct, frozen=True, tag="start"):
    """The first frame. `sockets` names the descriptors that come with it, in order."""

    origin: float
    """The run's origin, a CLOCK_MONOTONIC reading."""
    sockets: tuple[str, ...]
    settings: AnySettings


class Command(msgspec.Struct, frozen=True, tag="command"):
    """A numbered command."""

    number: int
    do: AnyCommand


ToPart: TypeAlias = Start | Command


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The part serves. `facts` are addresses or versions others need."""

    facts: dict[str, str] = {}


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The answer to a command; `error` empty = it worked."""

    number: int
    value: str | int | tuple[str, ...] | None = None
    error: str = ""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The part cannot go on; its process ends after this."""

    error: str


class Batch(msgspec.Struct, frozen=True, tag="batch"):
    """Records, oldest first."""

    records: tuple[Record, ...]


FromPart: TypeAlias = Ready | Done | Failed | Batch
