"""Everything that runs inside a sandbox. Standard library only, Python 3.9 and newer."""
