"""The run: coordinator, ledger, recorder."""
