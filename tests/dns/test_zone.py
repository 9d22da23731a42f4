"""What is answered, without sockets."""

from __future__ import annotations

import pytest
from dnslib import EDNS0, QTYPE, RCODE, RR, DNSError, DNSHeader, DNSQuestion, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from chaoskit.dns.zone import LARGEST_UDP, Reply, Zone, formerr, is_answer
from chaoskit.wire import DnsInject, NameGroup
from tests.dns.conftest import GROUPS

NAME = "dynamodb.us-east-1.amazonaws.com"


def ask(zone: Zone, name: str = NAME, qtype: str = "A") -> tuple[Reply, DNSRecord]:
    reply = zone.reply(DNSRecord.question(name, qtype).pack())
    assert reply.packed is not None
    return reply, DNSRecord.parse(reply.packed)


def negative(answer: DNSRecord) -> bool:
    return not answer.rr and [record.rtype for record in answer.auth] == [QTYPE.SOA]


def test_a_name_has_its_address_and_ttl() -> None:
    reply, answer = ask(Zone(GROUPS))
    assert [(str(r.rdata), r.ttl) for r in answer.rr] == [("198.18.0.10", 7)]
    assert (reply.answer, reply.dependency, reply.name, reply.qtype, reply.fault) == (
        "address", "dynamodb", NAME, "A", ""
    )  # fmt: skip


def test_aaaa_is_nodata_with_soa() -> None:
    """No error, no answer, an SOA whose minimum is the group's ttl (RFC 2308)."""
    reply, answer = ask(Zone(GROUPS), qtype="AAAA")
    assert answer.header.rcode == RCODE.NOERROR and negative(answer)
    assert answer.auth[0].rdata.times[4] == answer.auth[0].ttl == 7
    assert reply.answer == "nodata"


def test_a_name_of_nobody_is_nxdomain_with_soa() -> None:
    reply, answer = ask(Zone(GROUPS), "example.org")
    assert answer.header.rcode == RCODE.NXDOMAIN and negative(answer)
    assert (reply.answer, reply.dependency) == ("nxdomain", "")


@pytest.mark.parametrize("name", ["1.ddb.us-east-1.amazonaws.com", "a.b.ddb.us-east-1.amazonaws.com"])
def test_a_star_stands_for_one_or_more_labels(name: str) -> None:
    assert ask(Zone(GROUPS), name)[0].dependency == "dynamodb"


@pytest.mark.parametrize("name", ["ddb.us-east-1.amazonaws.com", "xddb.us-east-1.amazonaws.com", "."])
def test_a_star_does_not_stand_for_no_label(name: str) -> None:
    assert ask(Zone(GROUPS), name)[0].dependency == ""


def test_the_exact_name_wins_then_the_longest_star() -> None:
    groups = [("all", "*.aws.test"), ("ddb", "*.ddb.aws.test"), ("one", "one.ddb.aws.test")]
    zone = Zone(tuple(NameGroup(dependency, (name,), "198.18.0.1", 5) for dependency, name in groups))
    names = ("one.ddb.aws.test", "two.ddb.aws.test", "s3.aws.test")
    assert [ask(zone, name)[0].dependency for name in names] == ["one", "ddb", "all"]


@pytest.mark.parametrize(
    ("qtype", "types"), [("ANY", [QTYPE.A]), ("SOA", [QTYPE.SOA]), ("NS", [QTYPE.NS]), ("TXT", [])]
)
def test_other_types(qtype: str, types: list[int]) -> None:
    assert [record.rtype for record in ask(Zone(GROUPS), qtype=qtype)[1].rr] == types


def test_the_case_of_the_question_is_kept() -> None:
    """Resolvers that mix case (0x20) compare the question byte by byte."""
    reply, answer = ask(Zone(GROUPS), "DynamoDB.us-EAST-1.amazonAWS.com")
    assert answer.q.qname.label[0] == answer.rr[0].rname.label[0] == b"DynamoDB"
    assert reply.name == NAME


@pytest.mark.parametrize("rd", [0, 1])
def test_flags(rd: int) -> None:
    """QR AA RA are set, RD is as asked, and no bit of the query that means something else comes back."""
    query = DNSRecord(DNSHeader(rd=rd, ad=1, cd=1, tc=1, rcode=5), q=DNSQuestion(NAME))
    head = DNSRecord.parse(Zone(GROUPS).reply(query.pack()).packed).header
    assert (head.qr, head.aa, head.ra, head.rd, head.tc, head.ad, head.rcode) == (1, 1, 1, rd, 0, 0, 0)


def test_opt_is_answered_with_our_size() -> None:
    query = DNSRecord.question(NAME)
    query.add_ar(EDNS0(udp_len=4096))
    (opt,) = DNSRecord.parse(Zone(GROUPS).reply(query.pack()).packed).ar
    assert (opt.rtype, opt.rclass) == (QTYPE.OPT, LARGEST_UDP)
    assert not ask(Zone(GROUPS))[1].ar


@pytest.mark.parametrize("how", ["", "nodata", "nxdomain"])
def test_the_longest_answer_needs_no_truncation(how: str) -> None:
    label = "x" * 63
    name = f"{label}.{label}.{label}." + "y" * 61
    zone = Zone((NameGroup("d", (name,), "198.18.0.1", 5),))
    if how:
        zone.inject(DnsInject("f", "d", how))  # type: ignore[arg-type]
    query = DNSRecord.question(name, "SOA" if not how else "A")
    query.add_ar(EDNS0(udp_len=512))
    assert len(zone.reply(query.pack()).packed or b"") <= 512


@pytest.mark.parametrize(
    ("how", "code"),
    [("nodata", RCODE.NOERROR), ("nxdomain", RCODE.NXDOMAIN), ("servfail", RCODE.SERVFAIL)],
)
def test_faults_that_answer(how: str, code: int) -> None:
    """nodata and nxdomain carry an SOA; servfail carries nothing."""
    zone = Zone(GROUPS)
    zone.inject(DnsInject("f", "dynamodb", how))  # type: ignore[arg-type]
    for qtype in ("A", "AAAA", "ANY"):
        reply, answer = ask(zone, qtype=qtype)
        assert answer.header.rcode == code and not answer.rr
        assert negative(answer) == (how != "servfail")
        assert (reply.answer, reply.fault) == (how, "f")
    assert ask(zone, "payments.example.com")[0].answer == "address"


def test_drop_says_nothing_and_slow_the_truth() -> None:
    zone = Zone(GROUPS)
    zone.inject(DnsInject("f", "dynamodb", "drop"))
    assert zone.reply(DNSRecord.question(NAME).pack()).packed is None
    zone.inject(DnsInject("g", "dynamodb", "slow", 1.5))
    reply, answer = ask(zone)
    assert (reply.delay, reply.answer, reply.fault, len(answer.rr)) == (1.5, "address", "g", 1)


def test_the_newest_fault_wins_and_clearing_it_restores_the_earlier_one() -> None:
    zone = Zone(GROUPS)
    zone.inject(DnsInject("old", "dynamodb", "nodata"))
    zone.inject(DnsInject("new", "dynamodb", "servfail"))
    assert (ask(zone)[0].fault, zone.in_force()) == ("new", ("new", "old"))
    zone.clear("new")
    zone.clear("new")
    assert ask(zone)[0].fault == "old"
    zone.clear("old")
    assert (ask(zone)[0].answer, zone.in_force()) == ("address", ())


def test_what_is_no_plain_question_is_refused() -> None:
    zone = Zone(GROUPS)
    update = DNSRecord(DNSHeader(opcode=5), q=DNSQuestion(NAME))
    chaos = DNSRecord(DNSHeader(), q=DNSQuestion("version.bind", QTYPE.TXT, 3))
    two = DNSRecord(DNSHeader(), questions=[DNSQuestion(NAME), DNSQuestion(NAME)])
    said = [zone.reply(query.pack()) for query in (update, chaos, two)]
    codes = [DNSRecord.parse(reply.packed).header.rcode for reply in said]
    assert codes == [RCODE.NOTIMP, RCODE.REFUSED, RCODE.FORMERR]
    assert [reply.answer for reply in said] == ["notimp", "refused", "formerr"]


def test_formerr_has_the_id_of_what_it_answers() -> None:
    packed = formerr(b"\x12\x34" + b"\0" * 10)
    assert packed is not None
    head = DNSRecord.parse(packed).header
    assert (head.id, head.qr, head.rcode) == (0x1234, 1, RCODE.FORMERR)
    assert formerr(b"\x12\x34") is None


def test_an_answer_is_told_from_a_query() -> None:
    query = DNSRecord.question(NAME)
    assert is_answer(query.reply().pack()) and not is_answer(query.pack()) and not is_answer(b"")


def _long_query() -> bytes:
    query = DNSRecord.question(NAME)
    query.add_ar(EDNS0(udp_len=4096), *RR.fromZone('a.b. 60 TXT hi\na.b. 60 CAA 0 issue "x"\na.b. 60 MX 1 b.'))
    return bytes(query.pack())


@given(st.lists(st.tuples(st.integers(0, 119), st.integers(0, 255)), max_size=6), st.integers(0, 120))
def test_damaged_queries_raise_only_what_the_server_expects(flips: list[tuple[int, int]], length: int) -> None:
    """… and every answer still fits into 512 bytes."""
    packet = bytearray(_long_query())
    for place, value in flips:
        packet[place % len(packet)] = value
    try:
        reply = Zone(GROUPS).reply(bytes(packet[:length]))
    except (DNSError, ValueError, IndexError, AttributeError):
        return
    assert len(reply.packed or b"") <= 512
