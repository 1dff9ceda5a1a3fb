"""Figures: one function per type of figure, one file per function.

A figure function takes the data, and in most cases an optional Matplotlib `ax` to draw into, and returns the Axes.
It never shows a window and never touches pyplot's global state.

To add a figure, write a file `_NAME.py` in this folder with a function NAME that is decorated with `style.styled`.
The function is then `ds.plot.NAME`, without being listed anywhere. The stub `__init__.pyi` lists the shipped
figures for editors and type checkers only; a line in it is optional.

The file of a figure is imported when its function is first used, and Matplotlib when the first figure is drawn.
"""

from dendrosim.discovery import functions_by_file

__all__, __getattr__, __dir__ = functions_by_file(__name__, __path__)
