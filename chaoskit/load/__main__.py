"""The load worker as a part. With a `namespace` it enters the target's network first."""

from __future__ import annotations

import gc

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
    await Worker(part).run()


if __name__ == "__main__":
    run_part(lambda part: uvloop.run(_serve(part)), _enter)
