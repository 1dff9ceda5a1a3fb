"""The transfer function `smooth_leaky` by itself, with slope and inverse, for loops that tests write out."""

import numpy as np


def s(u):
    return 0.75 * u + 0.25 * (np.sqrt(u**2 + 1) - 1)


def slope(u):
    return 0.75 + 0.25 * u / np.sqrt(u**2 + 1)


def inverse(h):
    v = h + 0.25
    return (0.75 * v - 0.25 * np.sqrt(v**2 + 0.5)) / 0.5


def outer(a, b):
    return a @ b.T / a.shape[1]
