"""The `cpp` back end: Brian2's C++ standalone code generation, our own dense operations and run loop."""
