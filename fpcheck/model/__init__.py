"""Getting at models: sources, the worker process, and the framework at its far end."""
