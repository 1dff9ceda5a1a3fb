"""Closed forms of target propagation circuits: spectra, settling times, fixed points, learning signals.

All files share this circuit, in which ``layers`` = L is the number of layers above the input ``h_0 = x``::

    tau dh_i/dt = -h_i + (1 - mu) W_i h_(i-1) + mu Q_i h_(i+1),   i = 1 .. L

The circuit is linear here. The results also hold for a nonlinear circuit that is linearised at its feed-forward
activity; ``W_i`` and ``Q_i`` are then the Jacobians at that activity. Inverses are exact, ``Q_i = W_(i+1)^-1``,
unless a function takes `nu` or `feedback`. At the top, ``Q_L h_(L+1)`` is the target, of one of three types:

    clamped   y nudged    h_L - eta_hat e_L, with e_L = h_L - y at the current activity free      h_L

Symbols: ``r = mu / (1 - mu)``; ``ff`` is the feed-forward activity; ``C_i = W_(i+1)^-1 ... W_L^-1`` carries errors
from the top down to layer i. Rates are in units of ``1 / tau`` and times in units of ``tau``.

Sources
-------
Thesis, chapter 6, eq. 6.1-6.5 (the circuit), 6.10-6.17 (learning), 6.29-6.36 (two phases), 6.38-6.42 (stability).
Closed forms without an equation number are derived here.

Errata applied
--------------
Eq. 6.4: the inverse has the index i + 1. Eq. 6.15-6.16 are printed as approximations; they are exact in linear
circuits. Eq. 6.36 omits the change of the basal input between the two phases; see `two_phase_factors`. Section 6.7
finds a "negative definite" Jacobian by experiment and for a clamped target only. In fact, only the real parts of
its eigenvalues are negative, and a target that follows the output (`eta_hat` < 1) makes the slowest mode slower.
"""
