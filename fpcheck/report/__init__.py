"""The report, and one module per output format."""
