"""Prints the length of each named environment variable as JSON, null where there is none. Never a value."""

import json
import os
import sys

json.dump({name: len(os.environ[name]) if name in os.environ else None for name in sys.argv[1:]}, sys.stdout)
