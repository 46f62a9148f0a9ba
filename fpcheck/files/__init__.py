"""Reading model files: with h5py and numpy alone, in a process of its own, executing nothing."""
