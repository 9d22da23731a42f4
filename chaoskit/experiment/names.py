"""The names of one experiment: what there is, also where it is wrong, so that one error does not breed others."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from chaoskit.experiment.models import Dependency
from chaoskit.experiment.nodes import Node, Place, Report, nearest
from chaoskit.wire import LoadStream

_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,2}-\d")
TARGET = "target"
WARMUP = "warmup"
"""The phase before the first; no phase of the file may be called so."""


@dataclass
class Names:
    """Everything an address or a phase's name can mean. What is written but wrong is in the sets only.

    …_complete: whether the sets are; not when a whole section could not be read.
    """

    loads_written: frozenset[str]
    dependencies_written: frozenset[str]
    phases_written: frozenset[str]
    loads_complete: bool
    dependencies_complete: bool
    phases_complete: bool
    phases_sound: bool = True
    """Nothing was cut out of the phases: what is not there was never written."""
    loads_sound: bool = True
    target_sound: bool = True
    effects: frozenset[str] = frozenset()
    """Loads whose every request has an effect."""
    loads: dict[str, LoadStream] = field(default_factory=dict)
    dependencies: dict[str, Dependency] = field(default_factory=dict)

    @property
    def all_complete(self) -> bool:
        """Whether an address that is in no set is surely wrong."""
        return self.loads_complete and self.dependencies_complete

    def dependency(self, name: str, place: Place, report: Report) -> Dependency | None:
        """The dependency of a name; None, and a problem unless it is known to be wrong already."""
        if name in self.dependencies:
            return self.dependencies[name]
        if name in self.dependencies_written or not self.dependencies_complete:
            return None
        what = "is a load" if name in self.loads_written else "names no dependency"
        report.add(place, f"{name[:64]!r} {what}", nearest(name, sorted(self.dependencies_written)))
        return None


def written_names(root: Node) -> Names:
    """The names that a file writes, before anything else is looked at."""
    phases = root.child("phases")
    names = [element.child("phase") for element in phases.elements()] if phases else []
    return Names(
        _keys(root, "load"),
        _keys(root, "dependencies"),
        frozenset(str(node.value) for node in names if node is not None),
        isinstance(getattr(root.child("load"), "value", None), dict),
        isinstance(getattr(root.child("dependencies"), "value", {}), dict),
        isinstance(getattr(phases, "value", None), list) and all(name is not None for name in names),
    )


def _keys(root: Node, section: str) -> frozenset[str]:
    node = root.child(section)
    return frozenset(node.entries()) if node is not None else frozenset()


def check_names(root: Node, report: Report) -> None:
    """Loads, dependencies, `target` and AWS's regions share one name space."""
    loads, dependencies = root.child("load"), root.child("dependencies")
    for section in (loads, dependencies):
        for name, place in section.keys.items() if section else ():
            if name == TARGET:
                report.add(place, "`target` is the name of the target")
            elif is_region(name):
                report.add(place, f"{name!r} is the name of an AWS region")
    if loads is not None and dependencies is not None:
        for name in [name for name in dependencies.entries() if name in loads.entries()]:
            report.add(dependencies.keys[name], f"{name!r} is the name of a load, too")


def is_region(name: str) -> bool:
    """Whether it is the name of a region. (The list is only read for what looks like one.)"""
    return _REGION.fullmatch(name) is not None and name in aws_regions()


@lru_cache(maxsize=1)
def aws_regions() -> frozenset[str]:
    """AWS's regions, from botocore's data (endpoints.json and partitions.json)."""
    from botocore.loaders import Loader

    loader = Loader()
    found = set[str]()
    for partition in loader.load_data("endpoints")["partitions"]:
        found.update(partition["regions"])
    for partition in loader.load_data("partitions")["partitions"]:
        found.update(name for name in partition["regions"] if not name.endswith("-global"))
    return frozenset(found)
