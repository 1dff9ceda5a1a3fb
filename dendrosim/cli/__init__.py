"""The command line, which parses options, calls the library and prints results."""
