"""The TCP fault proxy, a part, wire-compatible with Toxiproxy."""
