"""How values are shown to people: short texts for consoles, HTML for notebooks."""
