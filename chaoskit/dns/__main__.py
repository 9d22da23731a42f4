"""The DNS server as a part: sockets `udp` and `tcp` are handed in."""

from chaoskit.dns.server import Server
from chaoskit.dns.zone import Zone
from chaoskit.part import Part, run_part
from chaoskit.wire import DnsSettings


def serve(part: Part) -> None:
    """Serve until told to stop."""
    assert isinstance(part.settings, DnsSettings)
    Server(part, Zone(part.settings.groups), part.take("udp"), part.take("tcp")).run()


if __name__ == "__main__":
    run_part(serve)
