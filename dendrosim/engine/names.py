"""Values that the settings of a run can have, except the names of back ends."""

AUTO = "auto"
"""As the name of a back end, it means the best one on this machine; as a precision, it means the one that the back
end prefers."""

PRECISIONS = (AUTO, "single", "double")
