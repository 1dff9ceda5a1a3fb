"""Plain Brian2 scripts that simulate what two of our protocols simulate, and draw one figure of it."""
