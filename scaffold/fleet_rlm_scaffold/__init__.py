"""The installer of fleet-rlm's skills, agents, team and hooks."""

__version__ = "0.1.0"
