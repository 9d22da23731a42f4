"""The fake DNS server, a part: authoritative for the stack's names."""
