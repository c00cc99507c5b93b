"""An apply that is left while a launch of it runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys


def apply_and_leave(spec: str = "spec.yaml") -> int:
    """Apply, interrupt once the server says that the launch runs; the launch's id."""
    command = [sys.executable, "-m", "taskspec", "apply", spec, "--json"]
    apply = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert apply.stdout is not None
        told = (json.loads(line) for line in apply.stdout)
        running = next(event for event in told if event["type"] == "status_changed" and event["status"] == "started")
        apply.send_signal(signal.SIGINT)
        apply.communicate()
        assert apply.returncode == 8
        return int(running["task_id"])
    finally:
        apply.kill()
        apply.communicate()
