"""From a protocol to a finished run: circuit and protocol -> Brian2 network -> program -> result."""
