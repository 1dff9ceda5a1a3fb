"""Names that settings of a run can have besides those of back ends."""

AUTO = "auto"
"""The back end, or the precision, that is best on this machine."""

PRECISIONS = (AUTO, "single", "double")
