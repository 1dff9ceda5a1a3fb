"""What is done to a circuit: phases, blocks, recordings, and their schedule."""
