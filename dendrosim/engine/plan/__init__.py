"""A protocol and its state as plain arrays, without Brian2."""
