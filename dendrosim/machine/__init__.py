"""Access to the machine: cache folder, memory, files, and the import of Brian2."""
