"""What the machine provides: cache folder, memory, files, and the import of Brian2."""
