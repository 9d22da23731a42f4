"""Faults: frozen models whose fields are the parameters in the file, in the docs and in the API.

`FAULTS` is the registry. A fault acts on the world only through the levers a stack implements (`levers.py`).
"""

from __future__ import annotations

from chaoskit.faults.base import Fault
from chaoskit.faults.dns import DnsDrop, DnsNodata, DnsNxdomain, DnsServfail, DnsSlow
from chaoskit.faults.levers import Connections, Levers
from chaoskit.faults.net import NetDown, NetLatency

AnyFault = DnsNodata | DnsNxdomain | DnsServfail | DnsDrop | DnsSlow | NetLatency | NetDown
FAULTS: dict[str, type[Fault]] = {
    fault.kind: fault for fault in (DnsNodata, DnsNxdomain, DnsServfail, DnsDrop, DnsSlow, NetLatency, NetDown)
}

__all__ = ["FAULTS", "AnyFault", "Connections", "Fault", "Levers"]
