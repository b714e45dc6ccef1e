"""Where drivers run: one module a sandbox."""
