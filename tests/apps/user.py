"""An app that uses a service and ends with the exit code of its params."""

import os

with open(os.path.join(os.environ["modal.state.folder"], "notes"), "a") as file:
    file.write("used " + os.environ["modal.state.session"] + "\n")
raise SystemExit(int(os.environ["modal.state.code"]))
