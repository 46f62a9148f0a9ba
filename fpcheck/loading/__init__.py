"""How Keras loads the files that it cannot load, or not correctly, by itself."""
