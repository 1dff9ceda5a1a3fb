"""Results in the forms of other libraries: tables of pandas, blocks of Neo, files of NWB."""
