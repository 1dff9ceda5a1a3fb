"""What a run leaves behind: labelled arrays, one NetCDF file, measurements."""
