"""An apply that is interrupted while one of its launches runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys


def apply_and_leave(spec: str = "spec.yaml") -> int:
    """Apply, interrupt once the server says that the launch runs; the launch's id."""
    command = [sys.executable, "-m", "taskspec", "apply", spec, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as apply:
        try:
            assert apply.stdout is not None
            events = (json.loads(line) for line in apply.stdout)
            running = next(e for e in events if e["type"] == "status_changed" and e["status"] == "started")
            apply.send_signal(signal.SIGINT)
            assert apply.wait() == 8
        finally:
            apply.kill()
    return int(running["task_id"])
