"""The emulator as a process: its tables, its two sockets, its commands."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from importlib.metadata import version
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from chaoskit.errors import PartFailed
from chaoskit.wire import Flush, Status, Table
from tests.conftest import wait_until
from tests.emulator.conftest import REGION, Emulator, start

SCOPE = f"20250101/{REGION}/dynamodb/aws4_request"
HEADERS = {
    "Authorization": f"AWS4-HMAC-SHA256 Credential=dummy/{SCOPE}, SignedHeaders=host, Signature=0",
    "X-Amz-Target": "DynamoDB_20120810.GetItem",
    "Content-Type": "application/x-amz-json-1.0",
}
BODY = json.dumps({"TableName": "invoices", "Key": {"id": {"S": "7"}}})


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=10.0)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def get_item(connection: http.client.HTTPConnection) -> object:
    connection.request("POST", "/", BODY, HEADERS)
    response = connection.getresponse()
    assert (response.status, response.version) == (200, 11)
    return json.loads(response.read())["Item"]["amount"]


def test_ready_tells_the_version_of_moto(emulator: Emulator) -> None:
    assert emulator.facts == {"moto": version("moto")}


def test_tables_are_there_and_filled(emulator: Emulator) -> None:
    client = emulator.client()
    assert set(client.list_tables()["TableNames"]) == {"events", "invoices"}
    assert client.scan(TableName="invoices", Select="COUNT")["Count"] == 40
    item = client.get_item(TableName="invoices", Key={"id": {"S": "2"}})["Item"]
    assert item == {"id": {"S": "2"}, "amount": {"N": "3"}, "paid": {"BOOL": True}}


def test_any_access_key_sees_the_same_tables(emulator: Emulator) -> None:
    assert emulator.client(key="AKIAIOSFODNN7EXAMPLE").describe_table(TableName="invoices")["Table"]["ItemCount"] == 40


def test_tables_are_in_their_region_only(emulator: Emulator) -> None:
    """The region is the one of the call's signature."""
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        emulator.client(region="us-east-1").describe_table(TableName="invoices")


def test_writes_are_read_back(emulator: Emulator) -> None:
    client = emulator.client()
    client.put_item(TableName="invoices", Item={"id": {"S": "new"}})
    assert client.get_item(TableName="invoices", Key={"id": {"S": "new"}})["Item"] == {"id": {"S": "new"}}
    client.delete_item(TableName="invoices", Key={"id": {"S": "new"}})
    assert "Item" not in client.get_item(TableName="invoices", Key={"id": {"S": "new"}})


def test_query_by_both_keys(emulator: Emulator) -> None:
    answer = emulator.client().query(
        TableName="events",
        KeyConditionExpression="#s = :s AND #a > :a",
        ExpressionAttributeNames={"#s": "source", "#a": "at"},
        ExpressionAttributeValues={":s": {"S": "a"}, ":a": {"N": "1"}},
    )
    assert answer["Items"] == [{"source": {"S": "a"}, "at": {"N": "2"}}]


def test_of_writes_on_the_same_condition_one_wins(emulator: Emulator) -> None:
    """Also when they come at the same time."""
    outcomes: list[str] = []

    def put(number: int) -> None:
        try:
            emulator.client().put_item(
                TableName="invoices", Item={"id": {"S": "once"}}, ConditionExpression="attribute_not_exists(id)"
            )
            outcomes.append("won")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert sorted(outcomes) == ["ConditionalCheckFailedException"] * 3 + ["won"]


def test_tcp_connections_are_kept(emulator: Emulator) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=10.0)
    assert get_item(connection) == {"N": "10.5"}
    kept = connection.sock
    assert get_item(connection) == {"N": "10.5"}
    assert connection.sock is kept is not None
    connection.close()


def test_the_unix_socket_serves_the_same(emulator: Emulator) -> None:
    connection = UnixConnection(emulator.path)
    assert get_item(connection) == {"N": "10.5"}
    kept = connection.sock
    assert get_item(connection) == {"N": "10.5"}
    assert connection.sock is kept is not None
    connection.close()


def test_it_answers_commands_and_stays_silent(emulator: Emulator) -> None:
    """No records, and nothing in its log."""
    assert emulator.part.ask(Status()) == ()
    assert emulator.part.ask(Flush()) is None
    assert emulator.records == []
    assert emulator.log.read_text() == ""


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ((Table("paid", "id", items=({"name": "x"},)),), "table paid: item 0: its key 'id' must be S and is missing"),
        ((Table("paid", "id", items=({"id": "a"}, {"id": "a"})),), "table paid: BatchWriteItem: .*duplicates"),
        ((Table("paid", "id"), Table("paid", "id")), "table paid: CreateTable: .*already exists"),
    ],
)
def test_a_table_that_cannot_be_made_fails_the_start(tmp_path: Path, tables: tuple[Table, ...], message: str) -> None:
    part, _, _ = start(tmp_path, tables, [])
    with pytest.raises(PartFailed, match=message):
        part.wait_ready(30.0)
    part.stop()


def test_it_ends_when_told_to(tmp_path: Path) -> None:
    part, port, _ = start(tmp_path, (), [])
    part.wait_ready(30.0)
    part.stop()
    wait_until(lambda: not part.alive)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5.0)
