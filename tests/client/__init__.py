"""The real Claude Code client, driven headless against a Messages API of our own on the loopback address."""
