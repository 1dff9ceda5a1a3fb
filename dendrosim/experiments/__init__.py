"""What combines a run, its result and the analysis: run, basin, end state, output folder."""
