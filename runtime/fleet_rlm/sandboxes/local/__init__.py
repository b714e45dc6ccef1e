"""The embedded sandbox: an operating-system sandbox on the user's own machine."""
