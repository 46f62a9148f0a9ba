"""Reads model files with h5py and numpy alone, in a child process, without executing anything.

Here and in `formats`, a label is how messages name a file, and FpcheckError is raised if the file
is damaged, refused or no model.
"""

# The environment in which HDF5 loads no code; it must be set before h5py is imported.
NO_PLUGINS = {"HDF5_PLUGIN_PATH": "disable", "HDF5_PLUGIN_PRELOAD": "::"}
