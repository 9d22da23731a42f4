"""The API as Toxiproxy 2.12 has it: every body below was compared with the real server's."""

from __future__ import annotations

import json
import socket

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from chaoskit.clock import RunClock
from chaoskit.proxy.api import Answer, Api
from chaoskit.proxy.link import Shared
from chaoskit.proxy.loop import Loop
from chaoskit.proxy.proxies import Proxy
from tests.proxy.conftest import Running


def error(status: int, text: str) -> tuple[int, str]:
    return status, json.dumps({"error": text, "status": status}, separators=(",", ":")) + "\n"


A = '{"name":"a","listen":"127.0.0.1:0","upstream":"x:1","enabled":false,"toxics":[%s]}'
LATE = '{"attributes":{"latency":%d,"jitter":%d},"name":"%s","type":"latency","stream":"%s","toxicity":%s}'
NOOP = '{"attributes":{},"name":"n","type":"noop","stream":"downstream","toxicity":0.2}'
UP = LATE % (0, 0, "latency_UPSTREAM", "UPSTREAM", 5)
DOWN = LATE % (10, 0, "latency_downstream", "downstream", 1)
NO_STREAM = "stream was invalid, can be either upstream or downstream"
NOT_FOUND = (404, "404 page not found\n")

STEPS: list[tuple[str, str, tuple[int, str]]] = [
    ("GET /version", "", (200, '{"version": "2.12.0"}\n')),
    ("GET /proxies", "", (200, "{}")),
    ("POST /proxies", "", error(400, "bad request body: EOF")),
    ("POST /proxies", "{", error(400, "bad request body: unexpected EOF")),
    ("POST /proxies", "x", error(400, "bad request body: invalid character 'x' looking for beginning of value")),
    ("POST /proxies", "null", error(400, "missing required field: name")),
    ("POST /proxies", '{"upstream":"x:1"}', error(400, "missing required field: name")),
    ("POST /proxies", '{"name":"a"}', error(400, "missing required field: upstream")),
    (
        "POST /proxies", '{"name":"a","upstream":"x:1","enabled":"yes"}',
        error(400, "bad request body: json: cannot unmarshal string into Go struct field Proxy.enabled of type bool"),
    ),
    ("POST /proxies", '{"name":"b","upstream":"x:1","listen":"nohost"}',
     error(500, "listen tcp: address nohost: missing port in address")),
    ("POST /proxies", '{"name":"b","upstream":"x:1","listen":"127.0.0.1:999999"}',
     error(500, "listen tcp: address 999999: invalid port")),
    ("POST /proxies", '{"NAME":"a","upstream":"x:1","listen":"127.0.0.1:0","enabled":false,"o":1}junk', (201, A % "")),
    ("POST /proxies", '{"name":"a","upstream":"x:1"}', error(409, "proxy already exists")),
    ("GET /proxies/a", "", (200, A % "")),
    ("GET /proxies/b", "", error(404, "proxy not found")),
    ("POST /proxies/a/toxics", '{"type":"latency","attributes":{"LATENCY":10}}', (200, DOWN)),
    ("POST /proxies/a/toxics", '{"type":"latency"}', error(409, "toxic already exists")),
    ("POST /proxies/a/toxics", '{"type":"nope"}', error(400, "invalid toxic type")),
    ("POST /proxies/a/toxics", '{"type":"latency","stream":""}', error(400, NO_STREAM)),
    ("POST /proxies/a/toxics", '{"type":"nope","stream":"sideways"}', error(400, NO_STREAM)),
    ("POST /proxies/a/toxics", '{"type":"noop","name":"n","toxicity":0.2}', (200, NOOP)),
    ("POST /proxies/a/toxics", '{"type":"latency","stream":"UPSTREAM","toxicity":5,"attributes":null}', (200, UP)),
    ("GET /proxies/a/toxics", "", (200, f"[{UP},{DOWN},{NOOP}]")),
    ("GET /proxies", "", (200, '{"a":%s}' % (A % f"{UP},{DOWN},{NOOP}"))),
    ("PATCH /proxies/a/toxics/latency_downstream", '{"toxicity":0.5,"attributes":{"jitter":5},"name":"z"}',
     (200, LATE % (10, 5, "latency_downstream", "downstream", 0.5))),
    ("POST /proxies/a/toxics/latency_downstream", '{"attributes":{"jitter":6}}',
     (200, LATE % (10, 6, "latency_downstream", "downstream", 0.5))),
    ("GET /proxies/a/toxics/n", "", (200, NOOP)),
    ("GET /proxies/a/toxics/zz", "", error(404, "toxic not found")),
    ("PATCH /proxies/a/toxics/zz", "{}", error(404, "toxic not found")),
    ("DELETE /proxies/a/toxics/n", "", (204, "")),
    ("DELETE /proxies/a/toxics/n", "", error(404, "toxic not found")),
    ("PATCH /proxies/a", '{"listen":"bad"}', error(500, "address bad: missing port in address")),
    ("PATCH /proxies/a", "", error(400, "bad request body: EOF")),
    ("PATCH /proxies/b", "{}", error(404, "proxy not found")),
    ("POST /populate", "[]", (201, '{"proxies":null}')),
    ("POST /populate", "null", (201, '{"proxies":null}')),
    ("POST /populate", '[{"name":"c","upstream":"x:1"},{"name":"d"}]',
     (400, '{"error":"missing required field: upstream at proxy 2","status":400,"proxies":null}')),
    ("POST /populate", '[{"name":"c","upstream":"y:2","enabled":false},{"name":"d","upstream":"y:2","listen":"bad"}]',
     (500, '{"error":"listen tcp: address bad: missing port in address","status":500,"proxies":['
      '{"name":"c","listen":"","upstream":"y:2","enabled":false,"toxics":[]}]}')),
    ("POST /populate", '[{"name":"a","upstream":"x:1","listen":"127.0.0.1:0","enabled":true}]',
     (201, '{"proxies":[%s]}' % (A % f"{UP},{LATE % (10, 6, 'latency_downstream', 'downstream', 0.5)}"))),
    ("PUT /proxies", "", (405, "")),
    ("POST /version", "", (405, "")),
    ("GET /nope", "", NOT_FOUND),
    ("GET /proxies/", "", NOT_FOUND),
    ("GET /proxies/a%2Fb", "", NOT_FOUND),
    ("GET /proxies//a", "", (301, "")),
    ("POST /proxies", '{"name":"b c","upstream":"x:1","listen":"[::1]:0","enabled":false}',
     (201, '{"name":"b c","listen":"[::1]:0","upstream":"x:1","enabled":false,"toxics":[]}')),
    ("DELETE /proxies/b%20c", "", (204, "")),
    ("POST /reset", "", (204, "")),
    ("GET /proxies/a/toxics", "", (200, "[]")),
    ("DELETE /proxies/a", "", (204, "")),
    ("DELETE /proxies/a", "", error(404, "proxy not found")),
]  # fmt: skip


def test_every_answer_is_toxiproxys_byte_by_byte(proxy: Running) -> None:
    """Statuses, keys in their order, error texts, default names, order of toxics; one step after the other."""
    with requests.Session() as session:
        for step, body, (status, answer) in STEPS:
            method, path = step.split(" ", 1)
            response = session.request(method, proxy.url + path, data=body, timeout=5, allow_redirects=False)
            assert (response.status_code, response.text) == (status, answer), (step, body)
            routed = answer != NOT_FOUND[1] and status not in (301, 405)
            assert len(response.headers.get("X-Toxiproxy-Request-Id", "")) == (20 if routed else 0), step


def test_browsers_are_turned_away_and_nothing_is_done(proxy: Running) -> None:
    """A page must not steer a proxy; an unknown path stays 404."""
    head = {"User-Agent": "Mozilla/5.0"}
    response = requests.post(proxy.url + "/proxies", '{"name":"a","upstream":"x:1"}', headers=head, timeout=5)
    assert (response.status_code, response.text) == (403, "User agent not allowed\n")
    assert requests.get(proxy.url + "/nope", headers=head, timeout=5).status_code == 404
    assert requests.get(proxy.url + "/proxies", timeout=5).json() == {}


def test_a_port_in_use_is_500_with_gos_text(proxy: Running) -> None:
    """And the proxy is not there afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        body = {"name": "a", "upstream": "x:1", "listen": f"localhost:{port}"}
        response = requests.post(proxy.url + "/proxies", json=body, timeout=5)
    assert response.status_code == 500
    assert response.json()["error"] == f"listen tcp 127.0.0.1:{port}: bind: address already in use"
    assert requests.get(proxy.url + "/proxies", timeout=5).json() == {}


def test_a_listener_on_all_interfaces_is_shown_as_go_shows_it(proxy: Running) -> None:
    """No listen address: a random port, dual stack; sending it again changes nothing."""
    made = requests.post(proxy.url + "/proxies", json={"name": "a", "upstream": "x:1"}, timeout=5).json()
    assert made["listen"].startswith("[::]:")
    port = made["listen"].rpartition(":")[2]
    again = requests.patch(proxy.url + "/proxies/a", json={"listen": f":{port}"}, timeout=5).json()
    assert again == made


@pytest.mark.parametrize(
    ("head", "status"),
    [("Content-Length: -1", 411), ("Content-Length: 99999999", 413), ("Transfer-Encoding: chunked", 411)],
)
def test_a_body_of_unknown_or_monstrous_length_is_refused(proxy: Running, head: str, status: int) -> None:
    """At once, and the connection ends."""
    with socket.create_connection((proxy.host, proxy.port), 5) as sock:
        sock.sendall(f"POST /proxies HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        answer = b""
        while data := sock.recv(4096):
            answer += data
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())


@pytest.fixture(scope="module")
def api() -> Api:
    shared = Shared(Loop(RunClock()))
    api = Api(lambda name, upstream, _listen: Proxy(shared, name, upstream, 1, None))
    api.handle("POST", "/proxies", b'{"name":"a","upstream":"x:1","enabled":false}')
    api.handle("POST", "/proxies/a/toxics", b'{"name":"t","type":"latency"}')
    return api


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)
KEYS = st.sampled_from(["name", "upstream", "enabled", "type", "stream", "toxicity", "attributes", "latency", "jitter"])
BODIES = st.binary(max_size=30) | (
    JSON_VALUES | st.dictionaries(KEYS, JSON_VALUES) | st.lists(st.dictionaries(KEYS, JSON_VALUES), max_size=2)
).map(lambda value: json.dumps(value).encode())


@settings(max_examples=200, deadline=None)
@given(
    method=st.sampled_from(["POST", "PATCH"]),
    path=st.sampled_from(["/populate", "/proxies/a", "/proxies/a/toxics", "/proxies/a/toxics/t"]) | st.text(),
    body=BODIES,
)
def test_no_request_breaks_it(api: Api, method: str, path: str, body: bytes) -> None:
    """Whatever is sent, there is an answer that JSON can hold."""
    if path == "/populate" or b"enabled" in body:
        body = body.replace(b"true", b"false")  # no real listeners here
    answer = api.handle(method, path, body)
    assert isinstance(answer, Answer)
    json.dumps(answer.value, allow_nan=False)


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"9" * 5000, b'{"toxicity":1e999}', b'{"toxicity":%s}' % (b"9" * 999)]
)
def test_monstrous_numbers_and_depths_are_bad_bodies(api: Api, body: bytes) -> None:
    assert api.handle("POST", "/proxies/a/toxics", body).status == 400
