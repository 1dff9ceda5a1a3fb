"""What a run leaves: labelled arrays in memory, one NetCDF file on disk, and what is measured on them."""
