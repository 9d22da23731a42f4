"""The load worker as a part. With a `namespace` it enters the target's network first."""

from __future__ import annotations

import gc
import resource

import uvloop

from chaoskit import kernel
from chaoskit.load.worker import Worker
from chaoskit.part import Part, run_part
from chaoskit.wire import Start


def _enter(_start: Start, descriptors: dict[str, int]) -> None:
    if "namespace" in descriptors:
        kernel.join(descriptors["namespace"])


async def _serve(part: Part) -> None:
    gc.freeze()  # what is imported lives for ever: the collector need not look at it
    gc.set_threshold(100_000, 50, 100)  # requests make no cycles worth a pause
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the usual soft limit, 1024, is one connection each
    await Worker(part).run()


if __name__ == "__main__":
    run_part(lambda part: uvloop.run(_serve(part)), _enter)
