"""The report, and one module per output format."""

# Formats for programs, and their modules: `render(report)` gives the text. People get `text`.
FOR_PROGRAMS = {"json": "fpcheck.report.json"}
