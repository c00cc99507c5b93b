"""An app that prints its params and writes them to a file, or fails."""

import json
import os
import pathlib
import sys

params = {k.removeprefix("modal.state."): v for k, v in os.environ.items() if k.startswith("modal.state.")}
print("params:", json.dumps(params), os.environ["API_TOKEN"])
if "fail" in params:
    sys.exit(1)
pathlib.Path(sys.argv[1]).write_text(json.dumps(params))
