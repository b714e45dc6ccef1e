"""Programs that measure ours and the peer side by side; ``python -m benchmarks --help``.

Absolute times of a shared machine mean little, so every bar is a ratio of two medians taken in one process,
in turns, over the same minutes. Nothing here is a test: a slow machine is not a defect.
"""
