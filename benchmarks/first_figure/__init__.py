"""Plain Brian2 scripts that simulate the same experiments as two protocols of dendrosim, and draw one figure."""
