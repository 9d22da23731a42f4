"""Start-up and overhead: `--help`, `import chaoskit`, stack ready, run overhead. Run: python -m benchmarks.start

Peers in the same run: `python -c pass` for the first two (what Python itself costs)."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 9
APP = (
    "from http.server import BaseHTTPRequestHandler as B, ThreadingHTTPServer as S\n"
    "class H(B):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200); self.send_header('Content-Length', '0'); self.end_headers()\n"
    "    def log_message(self, *_): pass\n"
    "S(('', 8080), H).serve_forever()\n"
)
SPEC = {
    "title": "start-up",
    "target": {"command": [sys.executable, "-c", APP], "port": 8080, "ready": "/"},
    "dependencies": {
        "dynamodb": {"aws": "dynamodb", "region": "us-east-1", "tables": [{"name": "things", "key": "id"}]},
    },
    "warmup": "1s",
    "load": {"gets": {"rate": "20/s", "timeout": "2s", "requests": ["GET /"]}},
    "phases": [{"phase": "baseline", "for": "2s"}],
    "slos": ["success_rate >= 50%"],
}
SCHEDULED = 3.0


def median(*command: str) -> float:
    """Median wall time of a command, seconds."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def runs(folder: Path) -> tuple[list[float], list[float]]:
    """Seconds until ready, and wall time of the command less the scheduled time, of five runs."""
    (folder / "x.yaml").write_text(json.dumps(SPEC))
    ready, overhead = [], []
    for _ in range(5):
        begin = time.perf_counter()
        command = [sys.executable, "-m", "chaoskit", "run", "x.yaml", "--json", "--out", "runs"]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
        overhead.append(time.perf_counter() - begin - SCHEDULED)
        ready.append(json.loads(done.stdout)["runs"][0]["run"]["ready"])
    return ready, overhead


def main() -> None:
    """Measure and print a table."""
    bare = median(sys.executable, "-c", "pass")
    rows = [
        ("`python -c pass`", bare),
        ("`import chaoskit`", median(sys.executable, "-c", "import chaoskit")),
        ("`chaoskit --help`", median(sys.executable, "-m", "chaoskit", "--help")),
    ]
    for name, seconds in rows:
        print(f"| {name} | {seconds * 1000:.0f} ms | {seconds / bare:.1f} |")
    with tempfile.TemporaryDirectory() as folder:
        ready, overhead = runs(Path(folder))
    for name, values in (("stack and target ready", ready), ("run overhead", overhead)):
        print(f"| {name} | {statistics.median(values):.2f} s (max {max(values):.2f}) | |")


if __name__ == "__main__":
    main()
