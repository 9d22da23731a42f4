"""A small experiment that is right, to be made wrong in one place at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from chaoskit.errors import FileProblems, Problem
from chaoskit.experiment.loader import Loaded, load

SAMPLE = """\
title: Billing survives
tags: [dns]
vars: {app: resilient, outage: 15s, expect: passed}
matrix:
  - {app: naive, expect: failed}
  - {app: resilient}
target: ${app}
expect: ${expect}
dependencies:
  dynamodb:
    aws: dynamodb
    region: us-east-1
    ttl: 5s
    tables:
      - {name: invoices, key: id, items: data/invoices.json}
  sessions: {tcp: "redis:6379", upstream: "127.0.0.1:6379"}
load:
  reads: {rate: 45/s, timeout: 2s, requests: ["GET /invoices/${1..40}"]}
  writes:
    rate: 5/s
    requests:
      - post: /invoices
        json: {id: "${uuid}", amount: 12}
        headers: {Authorization: "Bearer ${env.TOKEN}"}
        expect: {status: [201, 202]}
        effect:
          call: dynamodb.GetItem
          with: {TableName: invoices, Key: {id: {S: "${uuid}"}}}
          expect: {json: {Item: present}}
steady: [success_rate >= 99%, latency p99 of reads <= 250ms]
phases:
  - {phase: baseline, for: 10s}
  - phase: outage
    for: ${outage}
    faults:
      - {fault: dns.nodata, of: dynamodb, connections: drain}
      - {fault: net.latency, of: sessions, latency: 200ms, jitter: 50ms}
  - {phase: recovery, for: 15s, until: steady}
slos:
  - success_rate of reads >= 99% during outage
  - latency p95 of reads <= 2x baseline during outage
  - amplification of dynamodb <= 1.5 during outage
  - time_to_recover <= 5s
  - lost of writes == 0
"""
TARGET = "command: [python, app.py]\nport: 8080\nready: /health\nenv: {PORT: 8080}\n"


class Folder:
    """An experiment's folder with two targets and a file of items."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "experiments" / "sample.yaml"
        (root / "experiments" / "data").mkdir(parents=True)
        (root / "experiments" / "data" / "invoices.json").write_text('[{"id": "1", "amount": 3}, {"id": "2"}]')
        for name in ("naive", "resilient"):
            (root / "targets" / name).mkdir(parents=True)
            (root / "targets" / name / "target.yaml").write_text(TARGET)

    def load(
        self,
        text: str = SAMPLE,
        settings: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        target: str | None = None,
        running: bool = False,
    ) -> Loaded:
        """Load a text as the folder's experiment."""
        self.path.write_text(text)
        environ = {"TOKEN": "s3cret"} if environ is None else environ
        return load(self.path, settings=settings or {}, environ=environ, target=target, running=running)

    def problems(self, text: str, **options: object) -> list[Problem]:
        """What is wrong with a text; the test fails when nothing is."""
        with pytest.raises(FileProblems) as error:
            self.load(text, **options)  # type: ignore[arg-type]
        return list(error.value.problems)

    def problem(self, old: str, new: str, **options: object) -> Problem:
        """The one thing that is wrong with the sample once `old` is `new` there."""
        assert old in SAMPLE
        found = self.problems(SAMPLE.replace(old, new, 1), **options)
        assert len(found) == 1, "\n".join(map(str, found))
        return found[0]
