"""`python -m taskspec`"""

from taskspec.cli.main import main

main()
