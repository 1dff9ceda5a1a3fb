"""Sources of spikes, one file for each kind; `base.py` says how to add one."""
