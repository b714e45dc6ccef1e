"""The host's half of the protocol: one client a driver. Knows neither dspy nor where the driver runs."""
