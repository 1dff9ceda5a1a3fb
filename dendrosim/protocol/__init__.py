"""What is done to a circuit: phases, blocks, recordings, their plan in time steps, and the class `Protocol`."""
