"""Results of runs: labelled arrays in memory, one NetCDF file on disk, and the measurements."""
