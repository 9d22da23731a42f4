"""One emulator as a part of its own, for all tests of this folder (its start is half a second)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from chaoskit.clock import RunClock
from chaoskit.records import Record
from chaoskit.stack.process import PartProcess
from chaoskit.wire import EmulatorSettings, Table

REGION = "eu-west-1"
TABLES = (
    Table("invoices", "id", items=tuple({"id": str(n), "amount": n * 1.5, "paid": n % 2 == 0} for n in range(40))),
    Table("events", "source", sort="at", sort_type="N", items=({"source": "a", "at": 1}, {"source": "a", "at": 2})),
)


@dataclass
class Emulator:
    """The part, its addresses, and what it told."""

    part: PartProcess
    port: int
    path: Path
    facts: dict[str, str]
    records: list[Record]
    log: Path

    def client(self, region: str = REGION, key: str = "anything") -> Any:
        session = boto3.Session(aws_access_key_id=key, aws_secret_access_key="secret", region_name=region)
        config = Config(retries={"total_max_attempts": 1})
        return session.client("dynamodb", endpoint_url=f"http://127.0.0.1:{self.port}", config=config)


def start(folder: Path, tables: tuple[Table, ...], records: list[Record]) -> tuple[PartProcess, int, Path]:
    part = PartProcess("emulator", RunClock(), records.extend, folder / "log")
    path = folder / "socket"
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(path))
        unix.listen()
        part.start(EmulatorSettings(REGION, tables), {"tcp": tcp, "unix": unix})
        return part, tcp.getsockname()[1], path


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("emulator")
    records: list[Record] = []
    part, port, path = start(folder, TABLES, records)
    yield Emulator(part, port, path, part.wait_ready(30.0), records, folder / "log")
    part.stop()
