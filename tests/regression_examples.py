"""Data with a known optimum and the averaged flow of the BMVR circuit, for tests of both."""

import numpy as np

from dendrosim.analysis.regression import Covariances


def population(canonical, inputs, outputs, seed=0, condition=1.0):
    """Covariances with known singular values of ``Cxx^{-1/2} Cxy``."""
    rng = np.random.default_rng(seed)
    left = np.linalg.qr(rng.normal(size=(inputs, inputs)))[0][:, : len(canonical)]
    right = np.linalg.qr(rng.normal(size=(outputs, outputs)))[0][:, : len(canonical)]
    basis = np.linalg.qr(rng.normal(size=(inputs, inputs)))[0]
    root = basis * np.sqrt(np.geomspace(1.0, condition, inputs)) @ basis.T
    cross = root @ (left * np.asarray(canonical)) @ right.T
    return Covariances(root @ root, cross, np.eye(outputs))


def samples(seed=0, inputs=5, outputs=3, count=40):
    """Correlated inputs and noisy targets that are not centred."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(inputs, count)) * np.arange(1, inputs + 1)[:, None] + 0.5
    y = rng.normal(size=(outputs, inputs)) @ x + rng.normal(size=(outputs, count)) - 0.3
    return x, y


def flow(cov, w1, apical, q, rho, tau_ratio):
    """Rates of W1, B and Q."""
    return (
        apical @ cov.xy.T - q @ q.T @ w1 @ cov.xx,
        rho * (w1 @ cov.xy - apical),
        (w1 @ cov.xx @ w1.T - np.eye(len(q))) @ q / tau_ratio,
    )


def pack(parts):
    """Every weight in one vector."""
    return np.concatenate([part.ravel() for part in parts])
