"""Measures fpcheck against programs that people know: `python -m benchmarks`."""
