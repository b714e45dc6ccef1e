"""The MCP server: the sessions and runners of the command line as tools for Claude Code.

A request goes ``server -> tools -> session_tools | save_tool | run_tool -> results``. Importing this package
loads nothing; ``server`` loads the official ``mcp`` package, which takes most of a second and is loaded by
``fleet-rlm mcp`` alone. dspy and modal are never loaded here: sessions are processes of their own, and a run
is our own command in a process of its own.
"""
