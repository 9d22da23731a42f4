"""Every rule that concerns the file, one line each: what is wrong, where it is found, what is said."""

from __future__ import annotations

import pytest

from tests.experiment.sample import SAMPLE, Folder

PHASES = SAMPLE[SAMPLE.index("phases:") : SAMPLE.index("slos:")]
BASELINE = "  - {phase: baseline, for: 10s}\n"
RECOVERY = "{phase: recovery, for: 15s, until: steady}"
NODATA = "{fault: dns.nodata, of: dynamodb, connections: drain}"
SESSIONS = 'sessions: {tcp: "redis:6379", upstream: "127.0.0.1:6379"}'
GET_ITEM = 'with: {TableName: invoices, Key: {id: {S: "${uuid}"}}}'
LOST = "lost of writes == 0"

RULES = {
    # keys and shapes
    "unknown key": ("title: Bill", "titel: x\ntitle: Bill", "titel", "unknown key 'titel'", "title"),
    "unknown key in a target of another age": ("tags: [dns]", "abort_when: []", "abort_when", "unknown key", ""),
    "unknown key in a load": ("{rate: 45/s", "{arrivals: poisson, rate: 45/s", "arrivals", "unknown key 'arrivals'", ""),
    "missing key": ("    region: us-east-1\n", "", "aws: dynamodb", "missing key 'region'", ""),
    "missing title": ("title: Billing survives", "# nothing", "tags", "missing key 'title'", ""),
    "duplicate key": ("tags: [dns]", "tags: [dns]\ntags: [x]", "tags: [x]", "already on line 2", ""),
    "list expected": ("tags: [dns]", "tags: dns", "dns", "must be a list", ""),
    "text expected": ("title: Billing survives", "title: 5", "5", "must be text", ""),
    "wrong verdict": ("expect: ${expect}", "expect: passd", "passd", "'passed', 'failed'", "passed"),
    "stub is not known": (SESSIONS, 'sessions: {stub: x}', "{stub", "`aws: dynamodb` or `tcp: host:port`", ""),
    # quantities
    "duration without unit": ("timeout: 2s", "timeout: 2", "2, req", "is not a duration", "2s"),
    "rate without unit": ("rate: 5/s", "rate: 5", "5", "is not a rate", "5/s"),
    "share as a fraction": ("success_rate >= 99%,", "success_rate >= 0.99,", "0.99", "write it as a percentage, e.g. 99%", ""),
    "a phase of 0": (BASELINE, "  - {phase: baseline, for: 0s}\n", "0s", "longer than nothing", ""),
    "a rate of 0": ("rate: 5/s", "rate: 0/s", "0/s", "more than none", ""),
    "a TTL of half a second": ("ttl: 5s", "ttl: 500ms", "500ms", "whole seconds", ""),
    "a duration of pages": ("for: 10s}", "for: " + "1s" * 40 + "}", "1s1s", "too long for a quantity", ""),
    "a phase of years": ("for: 10s}", "for: 99999h}", "99999h", "more than 168h", ""),
    # names
    "upper case": ("sessions: {tcp", "Sessions: {tcp", None, "is not a name", ""),
    "a truth value": ("  reads: {rate", "  on: {rate: 1/s, requests: [GET /]}\n  reads: {rate", "on:", "truth value", ""),
    "a region's name": (SESSIONS, SESSIONS.replace("sessions", "us-west-2") + "\n  " + SESSIONS.replace("redis", "r"),
                        "us-west-2", "name of an AWS region", ""),
    "the target's name": ("  reads: {rate", "  target: {rate: 1/s, requests: [GET /]}\n  reads: {rate", "target: {rate", "name of the target", ""),
    "one name twice": ("  reads: {rate", "  sessions: {rate: 1/s, requests: [GET /]}\n  reads: {rate",
                       'sessions: {tcp', "name of a load, too", ""),
    "warmup as a phase": (BASELINE, BASELINE + "  - {phase: warmup, for: 1s}\n", "warmup", "warm-up", ""),
    "a phase twice": (RECOVERY, "{phase: baseline, for: 15s, until: steady}", "baseline, for: 15s", "already there", ""),
    # dependencies
    "no such region": ("region: us-east-1", "region: us-eas-1", "us-eas-1", "no region 'us-eas-1'", "us-east-1"),
    "no such service": ("aws: dynamodb\n", "aws: dynamdb\n", "dynamdb", "is not 'dynamodb'", "dynamodb"),
    "one AWS address twice": (SESSIONS, SESSIONS + "\n  other: {aws: dynamodb, region: us-east-1}", "other", "have one address", ""),
    "one host twice": (SESSIONS, SESSIONS + '\n  other: {tcp: "redis:6380", upstream: "127.0.0.1:1"}', "other", "have one address", ""),
    "tcp without a backing": (SESSIONS, 'sessions: {tcp: "redis:6379"}', "{tcp", "missing key 'upstream'", ""),
    "no port": ('"redis:6379"', '"redis"', '"redis"', "is not host:port", ""),
    "an IP address": ('"redis:6379"', '"127.0.0.1:6379"', '"127.0.0.1:6379", up', "not a name that is looked up", ""),
    "no such items": ("data/invoices.json", "data/invoice.json", "data/invoice.json", "no file data/invoice.json", ""),
    "items without a key": ("items: data/invoices.json", "items: [{no: 1}]", "{no: 1}", "its key 'id' must be of type S", ""),
    "items with one key": ("items: data/invoices.json", "items: [{id: a}, {id: a}]", "{id: a}]", "key of an earlier one", ""),
    # requests
    "not a request": ('"GET /invoices/${1..40}"', "FETCH /x", "FETCH", "a method and a path", ""),
    "a process": ('["GET /invoices/${1..40}"]', "[{run: [x]}, GET /x]", None, "one of get, post", ""),
    "two methods": ("post: /invoices", "post: /invoices\n        get: /x", "post", "one of get, post", ""),
    "no path": ("post: /invoices", "post: invoices", "invoices\n", "is no path", "/invoices"),
    "json and body": ("json: {id", "body: x\n        json: {id", "post", "not both", ""),
    "a header of ours": ("{Authorization:", "{Host: x, Authorization:", "Host", "made by the load itself", ""),
    "call of nothing": ("call: dynamodb.GetItem", "call: dynamo.GetItem", "dynamo.GetItem", "names no dependency", "dynamodb"),
    "call of tcp": ("call: dynamodb.GetItem", "call: sessions.Get", "sessions.Get", "has no operations", ""),
    "call without operation": ("call: dynamodb.GetItem", "call: dynamodb", "dynamodb\n          with", "is no call", ""),
    "no such operation": ("dynamodb.GetItem", "dynamodb.GetItm", "dynamodb.GetItm", "no operation 'GetItm'", "GetItem"),
    "no such parameter": (GET_ITEM, GET_ITEM.replace("TableName:", "TableName: x, TablName:"), "TablName", "no parameter 'TablName'", "TableName"),
    "missing parameter": (GET_ITEM, "with: {TableName: invoices}", "{TableName", 'Missing required parameter', ""),
    "wrong type of parameter": (GET_ITEM, "with: {TableName: 5, Key: {}}", "5", "Invalid type for parameter TableName", ""),
    "effect of an effect": ("expect: {json: {Item: present}}", "effect: {get: /x}", "effect: {get", "unknown key 'effect'", ""),
    "status out of range": ("[201, 202]", "[201, 20]", "20]", "greater than or equal to 100", ""),
    # templates
    "no such var": ("for: ${outage}", "for: ${outge}", "${outge}", "no var 'outge'", "outage"),
    "per-request elsewhere": ("title: Billing survives", "title: ${uuid}", "${uuid}", "drawn per request", ""),
    "per-request in a rate": ("rate: 5/s", "rate: ${1..5}/s", "${1..5}", "drawn per request", ""),
    "an empty range": ("${1..40}", "${40..1}", '"GET', "is empty", "${1..40}"),
    "spaces": ("${1..40}", "${1 .. 40}", '"GET', "holds spaces", "${1..40}"),
    "no end": ("title: Billing survives", "title: x ${y", "x ${y", "without its }", "$${"),
    "a key": ("json: {id:", 'json: {"${uuid}": 1, id:', '"${uuid}": 1', "keys take no templates", ""),
    "circle": ("outage: 15s,", 'outage: "${a}", a: "${b}", b: "${a}",', '"${a}",\x20exp', "vars go in a circle: a → b → a", ""),
    "unquoted in a row": ("- {app: resilient}", "- {app: ${x}}", "${x}", "an unquoted ${…}", "quote it"),
    "unquoted in a list": ("tags: [dns]", "tags: [a, ${app}]", "${app}]", "an unquoted ${…}", "quote it"),
    "a list as a var": ("outage: 15s,", "outage: 15s, l: [1],", "[1]", "one value, not a list", ""),
    "a list in a row": ("{app: resilient}", "{app: [resilient]}", "[resilient]", "one value, not a list", ""),
    "a reserved var": ("outage: 15s,", "outage: 15s, uuid: 1,", "uuid", "no var can be called 'uuid'", ""),
    "one row twice": ("{app: resilient}", "{app: naive, expect: failed}\n  - {app: resilient}", None, "the same as row 1", ""),
    # target
    "no such target": ("target: ${app}", "target: resilent", "resilent", "no target 'resilent'", "resilient"),
    "no such path": ("target: ${app}", "target: ../nowhere/target.yaml", "../nowhere", "no target at", ""),
    "a shell's command": ("target: ${app}", "target: {command: python app.py, port: 1}", "python", "a list of words", ""),
    "HTTP without a port": ("target: ${app}", "target: {command: [x]}", None, "the target has no port", ""),
    # phases and faults
    "no such fault": (NODATA, "{fault: dns.nodat, of: dynamodb}", "dns.nodat", "no fault 'dns.nodat'", "dns.nodata"),
    "no such parameter of a fault": ("jitter: 50ms", "jiter: 50ms", "jiter", "unknown key 'jiter'", "jitter"),
    "missing parameter of a fault": ("latency: 200ms, jitter", "jitter", "{fault: net", "missing key 'latency'", ""),
    "a parameter without effect": ("latency: 200ms", "latency: 200us", "200us", "at least 1ms", ""),
    "no such word": ("connections: drain", "connections: dran", "dran", "'keep', 'drain' or 'cut'", "drain"),
    "fault of nothing": (NODATA, "{fault: dns.nodata, of: dynamo}", "dynamo}", "names no dependency", "dynamodb"),
    "fault of a load": (NODATA, "{fault: dns.nodata, of: reads}", "reads}", "is a load", "dynamodb"),
    "fault of the target": (NODATA, "{fault: dns.nodata, of: target}", "target}", "cannot be of the target", ""),
    "fault of an operation": (NODATA, "{fault: dns.nodata, of: dynamodb.GetItem}", "dynamodb.GetItem}", "one operation", "dynamodb"),
    "fault of a region": (NODATA, "{fault: dns.nodata, of: us-east-1}", "us-east-1}", "cannot be of a region", ""),
    "one fault twice": (NODATA, NODATA + "\n      - " + NODATA, None, "already in this phase", ""),
    "two answers for a name": (NODATA, NODATA + "\n      - {fault: dns.drop, of: dynamodb}", "dns.drop", "one answer at a time", ""),
    "a first phase with faults": (BASELINE, "  - {phase: first, for: 10s, faults: [{fault: net.down, of: sessions}]}\n" + BASELINE,
                                  "[{fault: net.down", "first phase must be without faults", ""),
    "until steady with faults": ("    for: ${outage}\n", "    for: ${outage}\n    until: steady\n", "steady\n    f", "may have no faults", ""),
    "until steady after nothing": (BASELINE, "  - {phase: baseline, for: 10s, until: steady}\n", "steady}\n  - phase", "needs a phase with faults", ""),
    # conditions
    "no such measure": ("lost of writes", "lots of writes", "lots", "no measure 'lots'", "lost"),
    "not built": (LOST, "throughput >= 50/s", "throughput", "no measure 'throughput'", ""),
    "latency without a statistic": (LOST, "latency <= 1s", "<= 1s", "needs a statistic", "latency p99 <= 1s"),
    "no such phase": ("<= 1.5 during outage", "<= 1.5 during outtage", "outtage", "no phase 'outtage'", "outage"),
    "no such load": (LOST, "lost of write == 0", "write ==", "names no load", "writes"),
    "a load's measure of a dependency": (LOST, "success_rate of dynamodb >= 9%", "dynamodb >=", "is a dependency", ""),
    "a dependency's measure of a load": (LOST, "amplification of reads <= 2", "reads <= 2\n", "is of a dependency", ""),
    "amplification of tcp": (LOST, "amplification of sessions <= 2", "sessions <=", "no calls are seen", ""),
    "amplification of nothing": (LOST, "amplification <= 2", "amplification <=", "needs an `of`", ""),
    "amplification over the baseline twice": (LOST, "amplification of dynamodb <= 2x baseline", "2x baseline\n", "already over the baseline", "2"),
    "lost without an effect": (LOST, "lost of reads == 0", "reads == 0", "can never be decided", ""),
    "judging the warm-up": ("<= 1.5 during outage", "<= 1.5 during warmup", "warmup", "never judged", ""),
    "time_to_recover of a phase": ("time_to_recover <= 5s", "time_to_recover <= 5s during outage", "during outage\n  - lost", "takes no `during`", ""),
    "steady with during": ("<= 250ms]", "<= 250ms during outage]", "during outage]", "takes no `during`", ""),
    "steady with time_to_recover": ("steady: [", "steady: [time_to_recover <= 5s, ", "time_to_recover <= 5s, ", "cannot be steady", ""),
    "steady with lost": ("steady: [", "steady: [lost of writes == 0, ", "lost of writes == 0, ", "cannot be steady", ""),
    "no request due": ("rate: 45/s", "rate: 1/h", None, "no request of reads is due in", ""),
    "over": (LOST, "success_rate >= 9% over 10s", "over", "'over' was not expected", ""),
    "a condition twice": (LOST, LOST + "\n  - " + LOST, None, "stands here twice", ""),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule: str, folder: Folder) -> None:
    """What breaks the rule is found at its place, with a message that says so and a hint that would be right."""
    old, new, at, says, hint = RULES[rule]
    text = SAMPLE.replace(old, new, 1)
    assert text != SAMPLE
    found = folder.problems(text)
    if at is not None:
        assert len(found) == 1, "\n".join(map(str, found))
        index = _index(text, at, text.find(new))
        line, column = text[:index].count("\n") + 1, index - text.rfind("\n", 0, index)
        assert (found[0].line, found[0].column) == (line, column), str(found[0])
        assert found[0].source == text.splitlines()[line - 1]
    assert says in found[0].message, str(found[0])
    assert hint in found[0].hint + found[0].message


def _index(text: str, word: str, near: int) -> int:
    """Where the word stands: after the change if it is there, else anywhere."""
    found = text.find(word, max(near, 0))
    return found if found >= 0 else text.index(word)


def test_time_to_recover_needs_a_fault(folder: Folder) -> None:
    """Without a fault there is nothing to recover from."""
    text = SAMPLE.replace(PHASES, "phases:\n" + BASELINE + "  - {phase: outage, for: 15s}\n")
    (problem,) = folder.problems(text)
    assert "needs a fault" in problem.message


def test_a_single_phase_has_no_baseline(folder: Folder) -> None:
    """What is relative to the baseline needs two phases."""
    text = SAMPLE.replace(PHASES, "phases:\n  - {phase: outage, for: 15s}\n").replace("  - time_to_recover <= 5s\n", "")
    messages = [problem.message for problem in folder.problems(text)]
    assert len(messages) == 2
    assert all("one phase only" in message for message in messages)


def test_recovery_needs_an_end_without_faults(folder: Folder) -> None:
    """time_to_recover counts from the last undo, which must have time after it."""
    text = SAMPLE.replace("  - " + RECOVERY + "\n", "")
    (problem,) = folder.problems(text)
    assert "needs a phase without faults at the end" in problem.message


def test_all_problems_come_at_once(folder: Folder) -> None:
    """Also those of different kinds: keys, units, names, conditions; and none follows from another."""
    text = (
        SAMPLE.replace("title: Bill", "titel: x\ntitle: Bill")
        .replace("timeout: 2s", "timeout: 2")
        .replace("of: sessions", "of: session")
        .replace("lost of writes", "lots of writes")
        .replace("region: us-east-1", "region: us-est-1")
        .replace("success_rate of reads >= 99% during outage", "success_rate of reads >= 99% during outtage")
        .replace("call: dynamodb.GetItem", "call: dynamodb.GetItm")
    )
    said = [problem.message for problem in folder.problems(text)]
    assert [message.split(" in ")[0] for message in said] == [
        "unknown key 'titel'",
        "AWS has no region 'us-est-1'",
        "'2' is not a duration; write its unit, e.g. 2s",
        "'session' names no dependency",
        "no phase 'outtage'",
        "no measure 'lots'",
    ]


def test_what_cannot_be_read_at_all_does_not_hide_the_rest(folder: Folder) -> None:
    """Without its target, phases or load, the rest is still looked at."""
    text = SAMPLE.replace("target: ${app}\n", "").replace("lost of writes", "lots of writes")
    assert [problem.message for problem in folder.problems(text)] == ["missing key 'target'", "no measure 'lots'"]
