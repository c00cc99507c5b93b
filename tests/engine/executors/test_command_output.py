"""Commands on this machine: what is kept of what they print."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from taskspec.engine.executors.call_protocol import CallOrder
from taskspec.engine.executors.command_executor import KEPT_BYTES, CommandExecutor
from taskspec.secrets.sensitive import Secrets
from taskspec.specfile.fields.kinds import Kind, read_call

SECRET = "7f3a-hidden-of-a-command-e1c9"


def test_a_secret_that_the_limit_cuts_through_is_hidden_to_its_end(tmp_path: Path) -> None:
    secrets = Secrets()
    secrets.know(SECRET)
    program = f"import os, sys; sys.stdout.write(os.environ['KEY'] + 'x' * {KEPT_BYTES - 10})"
    body = {"command": [sys.executable, "-c", program], "env": {"KEY": SECRET}}
    commands = CommandExecutor(tmp_path, tmp_path / "notes", os.environ, time.monotonic, secrets)
    response = commands.perform(CallOrder("show", Kind.LOCAL, body, read_call(Kind.LOCAL, body)), time.sleep)
    assert response["stdout"] == "(sensitive)" + "x" * (KEPT_BYTES - 10)
