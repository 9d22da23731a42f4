"""The emulator as a part: moto's DynamoDB behind waitress, on the handed-in sockets `tcp` and `unix`.

One call at a time: moto's tables are plain dictionaries, and a conditional write checks before it acts."""

from __future__ import annotations

import gc
import io
import json
import logging
import os
import socket
import threading
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from chaoskit.emulator.items import calls
from chaoskit.part import Part, run_part
from chaoskit.wire import EmulatorSettings, Status, Stop

IDLE = 3600
"""Seconds an idle connection is kept: longer than any run, so that closing is never the emulator's idea."""


def make_application() -> Any:
    """moto's WSGI application for DynamoDB alone."""
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    from moto.moto_server.werkzeug_app import create_backend_app

    return create_backend_app("dynamodb")


def call(application: Any, region: str, operation: str, arguments: dict[str, Any]) -> None:
    """One DynamoDB call straight into the application. Raises ValueError with moto's message."""
    body = json.dumps(arguments).encode()
    statuses: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": f"dynamodb.{region}.amazonaws.com",
        "HTTP_X_AMZ_TARGET": f"DynamoDB_20120810.{operation}",
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential=set-up/20250101/{region}/dynamodb/aws4_request, "
        "SignedHeaders=host, Signature=0",
        "CONTENT_TYPE": "application/x-amz-json-1.0",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    chunks: Iterable[bytes] = application(environ, lambda status, _headers, _info=None: statuses.append(status))
    answer = b"".join(chunks)
    if not statuses[0].startswith("2"):
        raise ValueError(f"{operation}: {statuses[0]}: {answer.decode(errors='replace')}")


def one_at_a_time(application: Any) -> Any:
    """The application behind a lock."""
    lock = threading.Lock()

    def locked(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with lock:
            return list(application(environ, start_response))

    return locked


def fill(application: Any, settings: EmulatorSettings) -> None:
    """Create the tables with their items. Raises ValueError that names the table."""
    for table in settings.tables:
        try:
            for operation, arguments in calls(table):
                call(application, settings.region, operation, arguments)
        except ValueError as error:
            raise ValueError(f"table {table.name}: {error}") from error


def serve(part: Part) -> None:
    """Create the tables, then serve until told to stop."""
    settings = part.settings
    assert isinstance(settings, EmulatorSettings)
    logging.getLogger().setLevel(logging.ERROR)
    gc.disable()  # collecting among the half a million objects that imports make and keep costs a sixth of the start
    application = make_application()
    fill(application, settings)
    listen(part, one_at_a_time(application))
    gc.freeze()
    gc.enable()
    part.ready(moto=version("moto"))
    while True:
        command = part.next_command()
        part.done(command, () if isinstance(command.do, Status) else None)
        if isinstance(command.do, Stop):
            return


def listen(part: Part, application: Any) -> None:
    """Serve on both sockets, each with a thread of its own: waitress takes sockets of one family per server."""
    from waitress.server import create_server

    for name in ("tcp", "unix"):
        sockets: list[socket.socket] = [part.take(name)]
        server = create_server(
            application,
            map={},
            sockets=sockets,
            threads=1,
            channel_timeout=IDLE,
            connection_limit=1000,
            asyncore_use_poll=True,
        )
        threading.Thread(target=server.run, name=f"waitress-{name}", daemon=True).start()


if __name__ == "__main__":
    run_part(serve)
