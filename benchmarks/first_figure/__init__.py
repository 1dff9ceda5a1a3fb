"""Plain Brian2 scripts that simulate the same as two protocols of dendrosim, and draw one figure."""
