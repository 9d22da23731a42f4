"""The proxy's own epoll loop: handlers by descriptor, timers, and calls from other threads.

epoll's own timeout has a millisecond's grain; `select` on the epoll descriptor has a microsecond's. So the loop sleeps
in epoll while the next timer is far, and in `select` for the last few milliseconds."""

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
_NEAR = 0.010
"""Seconds before a timer from which the sleep must be precise."""
_MARGIN = 0.005
_MOST_EVENTS = 256
Handler = Callable[[int], None]
Events = list[tuple[int, int]]


class Timer:
    """An action that is due; `cancel` lets go of all that it holds."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Never mind."""
        self.action = None


class Loop:
    """Single-threaded, but for `call`. now: when the current events were fetched, by the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.now = clock.now()
        self.running = True
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._masks: dict[int, int] = {}
        self._fresh: set[int] = set()
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = 0
        self._calls: deque[Callable[[], None]] = deque()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        kernel.prctl(_PR_SET_TIMERSLACK, 1)
        self.watch(self._wake, IN, self._run_calls)

    def watch(self, descriptor: int, mask: int, handler: Handler) -> None:
        """Call `handler(events)` while any of `mask` holds; mask 0 stops watching."""
        if not mask:
            self.forget(descriptor)
            return
        self._handlers[descriptor] = handler
        before = self._masks.get(descriptor, 0)
        if mask == before:
            return
        if before:
            self._epoll.modify(descriptor, mask)
        else:
            self._epoll.register(descriptor, mask)
            self._fresh.add(descriptor)
        self._masks[descriptor] = mask

    def forget(self, descriptor: int) -> None:
        """Stop watching; before the descriptor is closed."""
        if self._masks.pop(descriptor, 0):
            self._epoll.unregister(descriptor)
        self._handlers.pop(descriptor, None)

    def at(self, due: float, action: Callable[[], None]) -> Timer:
        """Run an action at a time of the clock, never before."""
        self._count += 1
        timer = Timer(action)
        heapq.heappush(self._timers, (due, self._count, timer))
        return timer

    def call(self, action: Callable[[], None]) -> None:
        """Run an action in the loop's thread soon; from any thread."""
        self._calls.append(action)
        os.eventfd_write(self._wake, 1)

    def run(self) -> None:
        """Until `running` is False."""
        handlers, fresh = self._handlers, self._fresh
        while self.running:
            fresh.clear()
            events = self._wait()
            self.now = self.clock.now()
            for descriptor, mask in events:
                # Closed and opened again since the events were fetched: this one was meant for its forerunner.
                if descriptor in fresh:
                    continue
                if handler := handlers.get(descriptor):
                    handler(mask)
            self._run_timers()

    def _wait(self) -> Events:
        poll = self._epoll.poll
        if not self._timers:
            return poll(-1, _MOST_EVENTS)
        rest = self._timers[0][0] - self.clock.now()
        if rest > _NEAR:
            return poll(rest - _MARGIN, _MOST_EVENTS)
        if rest > 0:
            select.select([self._epoll.fileno()], [], [], rest)
        return poll(0, _MOST_EVENTS)

    def _run_timers(self) -> None:
        now = self.clock.now()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if timer.action is not None:
                timer.action()

    def _run_calls(self, _events: int) -> None:
        os.eventfd_read(self._wake)
        while self._calls:
            self._calls.popleft()()
