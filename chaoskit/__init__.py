"""chaoskit: what happens to a service when a dependency fails, replayed on one machine and judged honestly.

The words of the package (each means one thing everywhere):
experiment, target, dependency, stack, phase, fault, load, effect, steady state, baseline, SLO, evidence,
history, verdict, undo, run. `docs/architecture.md` explains them and the one picture that joins them.
"""

__version__ = "0.1.0"
