"""The mean rate at which weights change by a plasticity rule, for given rates and correlations."""
