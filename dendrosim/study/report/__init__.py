"""Reports: one HTML file that says what was run, with which equations, and what came out."""
