"""Everything that runs inside a sandbox. Standard library only, Python 3.9 and newer.

The driver is two processes. The *supervisor* owns the protocol's descriptors and runs no generated code;
the *worker*, its child, runs the code and nothing else. What the code prints, reads, closes or kills is
the worker's; the supervisor puts a fresh worker in its place and says what was lost. On the host's own
machine a worker also has a line to the host, for cells and calls that need no supervisor.
"""

SHIPPED = (
    "protocol.py",
    "values/__init__.py",
    "values/arrays.py",
    "values/compact_json.py",
    "values/crossing.py",
    "values/faithful.py",
    "values/makers.py",
    "values/plain.py",
    "values/plain_tables.py",
    "values/rebuilt.py",
    "values/standard.py",
    "values/tables.py",
    "values/unpacking.py",
    "driver/__init__.py",
    "driver/__main__.py",
    "driver/cell.py",
    "driver/channel.py",
    "driver/child.py",
    "driver/ending.py",
    "driver/helpers.py",
    "driver/history.py",
    "driver/lean.py",
    "driver/lineage.py",
    "driver/namespace.py",
    "driver/raised.py",
    "driver/shield.py",
    "driver/spool.py",
    "driver/streams.py",
    "driver/submit.py",
    "driver/supervisor.py",
    "driver/underway.py",
    "driver/upstream.py",
    "driver/wording.py",
    "driver/worker.py",
)
"""The files a sandbox needs, relative to the ``fleet_rlm`` package."""
