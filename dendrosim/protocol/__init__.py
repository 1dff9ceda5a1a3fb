"""The specification of an experiment: phases, blocks, recordings, their time steps, and the class `Protocol`."""
