"""From a circuit and a protocol to Brian2 objects."""
