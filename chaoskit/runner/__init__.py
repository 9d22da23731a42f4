"""The run: coordinator, ledger, recorder."""

from chaoskit.runner.execute import Outcome, execute
from chaoskit.runner.folder import DEFAULT_RUNS
from chaoskit.runner.stop import StopFlag

__all__ = ["DEFAULT_RUNS", "Outcome", "StopFlag", "execute"]
