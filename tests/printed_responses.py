"""Responses of synapses with short-term plasticity, as printed.

The ratios were computed with independent code (forward recursion over the spikes).
"""

TRAINS = [
    # synapse, interval in ms, ratios to the first response, half a unit of their last digit
    ("facilitating", 5, (1, 5.55, 8.46, 9.43, 8.89), 0.005),
    ("facilitating", 10, (1, 5.34, 8.02, 9.02, 8.81), 0.005),
    ("facilitating", 100, (1, 2.78, 3.32, 3.48, 3.52), 0.005),
    ("depressing", 5, (1, 0.302, 0.247, 0.244), 0.0005),
    ("depressing", 10, (1, 0.459, 0.427, 0.426), 0.0005),
]
TWENTY_HERTZ = [
    # synapse, second and eighth of eight responses over the first
    ("e_facilitating", 1.73, 2.60),
    ("e_depressing", 0.55, 0.14),
    ("e_pseudo_linear", 1.21, 0.47),
    ("i_facilitating", 1.85, 4.86),
    ("i_depressing", 0.82, 0.29),
    ("i_pseudo_linear", 1.01, 0.68),
]
