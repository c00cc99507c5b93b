"""A command that prints its secrets."""

import os
import sys

print("padding" * 20_000, os.environ["KEY"] * 3_000, os.environ["PEM"], file=sys.stderr)
print(os.environ["KEY"] if sys.argv[1] == "good" else "bad " + os.environ["KEY"])
sys.exit(sys.argv[1] == "bad")
