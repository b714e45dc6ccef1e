"""fleet-rlm: Recursive Language Models over documents far larger than a context window."""

__version__ = "0.1.0"
