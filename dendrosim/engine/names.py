"""Values that the settings of a run can have, except the names of back ends."""

AUTO = "auto"
"""As back end: the best one on this machine. As precision: the one that the back end prefers."""

PRECISIONS = (AUTO, "single", "double")
