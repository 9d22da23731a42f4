"""The embedded stack: a sandbox without root and without Docker."""
