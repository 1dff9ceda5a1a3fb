"""What is simulated: populations, weight matrices, projections, pathways, and the checks of a circuit."""
