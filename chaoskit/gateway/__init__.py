"""The gateway, a part: TLS, HTTP/1.1, the log of AWS calls."""
