"""The AWS emulator, a part: moto behind a keep-alive WSGI server."""
