"""The proxy's own epoll loop: handlers by descriptor, timers, and calls from other threads.

`select` on the epoll descriptor waits with microsecond grain; epoll's own timeout has a millisecond's."""

from __future__ import annotations

import heapq
import os
import select
from collections import deque
from collections.abc import Callable

from chaoskit import kernel
from chaoskit.clock import Clock

IN, OUT = select.EPOLLIN, select.EPOLLOUT
_PR_SET_TIMERSLACK = 29
Handler = Callable[[int], None]


class Loop:
    """Single-threaded, but for `call`."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._masks: dict[int, int] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._calls: deque[Callable[[], None]] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.running = True
        kernel.prctl(_PR_SET_TIMERSLACK, 1)
        self.watch(self._wake, IN, self._run_calls)

    def watch(self, descriptor: int, mask: int, handler: Handler) -> None:
        """Call `handler(events)` while any of `mask` holds; mask 0 stops watching."""
        before = self._masks.get(descriptor, 0)
        self._handlers[descriptor] = handler
        if mask == before:
            return
        if not before:
            self._epoll.register(descriptor, mask)
        elif mask:
            self._epoll.modify(descriptor, mask)
        else:
            self.forget(descriptor)
            return
        self._masks[descriptor] = mask

    def forget(self, descriptor: int) -> None:
        """Stop watching; before the descriptor is closed."""
        if self._masks.pop(descriptor, 0):
            self._epoll.unregister(descriptor)
        self._handlers.pop(descriptor, None)

    def at(self, due: float, action: Callable[[], None]) -> None:
        """Run an action at a time of the clock."""
        self._count += 1
        heapq.heappush(self._timers, (due, self._count, action))

    def call(self, action: Callable[[], None]) -> None:
        """Run an action in the loop's thread soon; from any thread."""
        self._calls.append(action)
        os.eventfd_write(self._wake, 1)

    def run(self) -> None:
        """Until `running` is False."""
        descriptor = self._epoll.fileno()
        while self.running:
            if self._timers:
                rest = self._timers[0][0] - self.clock.now()
                if rest > 0:
                    select.select([descriptor], [], [], rest)
                events = self._epoll.poll(0, 256)
            else:
                events = self._epoll.poll(-1, 256)
            for ready, mask in events:
                if handler := self._handlers.get(ready):
                    handler(mask)
            self._run_timers()

    def _run_timers(self) -> None:
        now = self.clock.now()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def _run_calls(self, _events: int) -> None:
        os.eventfd_read(self._wake)
        while self._calls:
            self._calls.popleft()()
