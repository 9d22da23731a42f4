"""What the names are and what is said of them: names, faults, answers. No sockets."""

from __future__ import annotations

from dataclasses import dataclass

from dnslib import CLASS, EDNS0, NS, OPCODE, QTYPE, RCODE, RR, SOA, A, DNSHeader, DNSLabel, DNSRecord

from chaoskit.wire import DnsInject, NameGroup

LARGEST_UDP = 1232
"""Bytes: what our OPT record offers (DNS flag day 2020). Our longest answer (a question of 255 bytes and an SOA)
stays below the 512 every client takes, so nothing is ever truncated."""
_ROOT_SERVER = "ns.chaoskit.invalid."


@dataclass(frozen=True)
class Reply:
    """The packed answer to one question, and what to record of it. `packed` None: say nothing."""

    packed: bytes | None
    delay: float
    dependency: str
    name: str
    qtype: str
    answer: str
    fault: str


class Zone:
    """The stack's names and the faults in force. A fault's age decides: the newest of a dependency wins."""

    def __init__(self, groups: tuple[NameGroup, ...]) -> None:
        self._exact = {name: group for group in groups for name in group.names if not name.startswith("*.")}
        suffixes = [(name[1:], group) for group in groups for name in group.names if name.startswith("*.")]
        self._suffixes = sorted(suffixes, key=lambda pair: -len(pair[0]))
        self._faults: list[DnsInject] = []

    def inject(self, fault: DnsInject) -> None:
        """Put a fault in force."""
        self._faults.append(fault)

    def clear(self, name: str) -> None:
        """Take a fault away; unknown is fine."""
        self._faults = [fault for fault in self._faults if fault.fault != name]

    def in_force(self) -> tuple[str, ...]:
        """Ids of the faults in force."""
        return tuple(sorted({fault.fault for fault in self._faults}))

    def group(self, name: str) -> NameGroup | None:
        """The dependency's names a name belongs to: the exact one, else the longest `*.suffix` (RFC 4592)."""
        if name in self._exact:
            return self._exact[name]
        return next((group for suffix, group in self._suffixes if name.endswith(suffix)), None)

    def fault(self, group: NameGroup | None) -> DnsInject | None:
        """The fault in force for a dependency, the newest."""
        if group is None:
            return None
        return next((fault for fault in reversed(self._faults) if fault.dependency == group.dependency), None)

    def reply(self, query: bytes) -> Reply:
        """The answer to a query. Raises dnslib.DNSError for what is no query."""
        record = DNSRecord.parse(query)
        reply = _skeleton(record)
        name = str(record.q.qname).rstrip(".").lower()
        refusal = _refusal(record)
        group = None if refusal else self.group(name)
        fault = self.fault(group)
        said = refusal or _say(reply, group, fault)
        reply.header.rcode = _RCODES.get(said, RCODE.NOERROR)
        return Reply(
            None if said == "dropped" else reply.pack(),
            fault.delay if fault is not None and fault.answer == "slow" else 0.0,
            group.dependency if group else "",
            name,
            _type_name(record.q.qtype),
            said,
            fault.fault if fault else "",
        )


_RCODES = {
    "nxdomain": RCODE.NXDOMAIN,
    "servfail": RCODE.SERVFAIL,
    "refused": RCODE.REFUSED,
    "notimp": RCODE.NOTIMP,
    "formerr": RCODE.FORMERR,
}


def _skeleton(query: DNSRecord) -> DNSRecord:
    """A reply without answers: RD as asked, RA set (without it and an SOA, glibc calls a server lame), OPT for OPT."""
    head = query.header
    header = DNSHeader(id=head.id, bitmap=0, qr=1, opcode=head.opcode, aa=1, rd=head.rd, ra=1)
    reply = DNSRecord(header, questions=query.questions)
    if any(record.rtype == QTYPE.OPT for record in query.ar):
        reply.add_ar(EDNS0(udp_len=LARGEST_UDP))
    return reply


def _refusal(query: DNSRecord) -> str:
    """The word for a query that we do not answer at all; empty for one we do."""
    if query.header.opcode != OPCODE.QUERY:
        return "notimp"
    if len(query.questions) != 1:
        return "formerr"
    return "" if query.q.qclass == CLASS.IN else "refused"


def _type_name(number: int) -> str:
    return str(QTYPE.forward.get(number, f"TYPE{number}"))


def _say(reply: DNSRecord, group: NameGroup | None, fault: DnsInject | None) -> str:
    """Fill in a reply; returns the word for it."""
    how = fault.answer if fault is not None else ""
    if how == "drop":
        return "dropped"
    if how == "servfail":
        return "servfail"
    if group is None or how == "nxdomain":
        _add_soa(reply, group)
        return "nxdomain"
    if how != "nodata" and _add_records(reply, group):
        return "address" if reply.q.qtype in (QTYPE.A, QTYPE.ANY) else "record"
    _add_soa(reply, group)
    return "nodata"


def _add_records(reply: DNSRecord, group: NameGroup) -> bool:
    name, wanted = reply.q.qname, reply.q.qtype
    if wanted in (QTYPE.A, QTYPE.ANY):
        reply.add_answer(RR(name, QTYPE.A, rdata=A(group.address), ttl=group.ttl))
    elif wanted == QTYPE.SOA:
        reply.add_answer(_soa(name, group.ttl))
    elif wanted == QTYPE.NS:
        reply.add_answer(RR(name, QTYPE.NS, rdata=NS(_ROOT_SERVER), ttl=group.ttl))
    return bool(reply.rr)


def _add_soa(reply: DNSRecord, group: NameGroup | None) -> None:
    """A negative answer carries the SOA (RFC 2308); without it glibc takes it for a lame server."""
    reply.add_auth(_soa(_zone_of(reply), group.ttl if group else 5))


def _zone_of(reply: DNSRecord) -> DNSLabel:
    """The zone we claim for a name: its last two labels (from their bytes: as text they may be no legal name)."""
    return DNSLabel(list(reply.q.qname.label[-2:]))


def _soa(zone: DNSLabel, ttl: int) -> RR:
    times = (1, 7200, 900, 1209600, ttl)
    return RR(zone, QTYPE.SOA, rdata=SOA(_ROOT_SERVER, "hostmaster.chaoskit.invalid.", times), ttl=ttl)


def formerr(query: bytes) -> bytes | None:
    """FORMERR for a datagram that is no query we can read; nothing for one too short to answer."""
    if len(query) < 12:
        return None
    header = DNSHeader(id=int.from_bytes(query[:2], "big"), bitmap=0, qr=1, ra=1, rcode=RCODE.FORMERR)
    return bytes(DNSRecord(header).pack())


def is_answer(packet: bytes) -> bool:
    """Whether its QR bit is set. Answering answers would let two servers talk for ever."""
    return len(packet) > 2 and bool(packet[2] & 0x80)
