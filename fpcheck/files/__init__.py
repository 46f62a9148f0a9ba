"""Reads model files with h5py and numpy alone, in a child process, without executing anything."""

# The environment in which HDF5 loads no code; it must be set before h5py is imported.
NO_PLUGINS = {"HDF5_PLUGIN_PATH": "disable", "HDF5_PLUGIN_PRELOAD": "::"}
