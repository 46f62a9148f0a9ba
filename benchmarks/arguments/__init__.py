"""Every layer of the installed Keras, every argument: does a change that matters ever match?"""
