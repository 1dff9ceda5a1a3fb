"""The microcircuit of BMVR: pyramidal cells with basal dendrite, apical tuft and soma, and SST interneurons.

Each layer of pyramidal cells has as many interneurons n. The rules of plasticity are

    dW/dt   = eta ds(basal) plateau pre^T              basal synapses: taught by the calcium plateau
    dB/dt   = rho eta (soma target^T - B)              apical synapses
    tau_ratio dQ/dt = eta (soma n^T - Q)               synapses from interneurons; their transpose leads to them

W and B descend, and Q ascends, the Lagrangian of regression under the constraint <soma soma^T> <= 1 (all
eigenvalues at most 1), whose multiplier is Q Q^T.

Sources
-------
"A biologically plausible neural network from a bound on multivariate regression" (BMVR), workshop abstract,
NeurIPS 2020, "Beyond Backpropagation": eq. 5-7 and 9, with the derivative taken at the basal voltage; eq. 24.
"""

_PYRAMIDAL = """
dbasal/dt = (-basal + bottom_up)/{basal}   : 1   # basal dendrite, W1 x
dapical/dt = (-apical + top_down)/{apical} : 1   # apical tuft, a = W2^T y
d{soma}/dt = (-{soma} + s(basal) - mean)/{soma_tau} : 1  # somatic rate z
plateau = apical - inhibition                : 1   # calcium plateau, a - Q n
bottom_up                                    : 1   # fed by w1
top_down                                     : 1   # fed by b
inhibition                                   : 1   # fed by q
mean                                         : 1   # 0, or fed by m (eq. 24)
"""

_INTERNEURON = """
dn/dt = (-n + excitation)/{tau} : 1   # SST rate
excitation                                : 1   # fed by q transposed, or by r
"""

BASAL = "dw/dt = learn*eta*ds(basal_post)*plateau_post*{pre}_pre : 1"
APICAL = "dw/dt = learn*rho*eta*({soma}_post*{pre}_pre - w) : 1"
FROM_INTERNEURONS = "dw/dt = learn*eta/tau_ratio*({soma}_post*n_pre - w) : 1"
TO_INTERNEURONS = "dw/dt = learn*eta/tau_ratio*(n_post*{soma}_pre - w) : 1"
MEAN = "dw/dt = learn*(s(basal_post)*one_pre - w)/tau_mean : 1"


def pyramidal_equations(soma: str = "soma", tau: str | None = None) -> str:
    """Return the equations of pyramidal cells.

    Parameters
    ----------
    soma : str, default "soma"
        Name of the somatic rate.
    tau : str, optional
        Name of the time constant of all compartments (default: `tau_basal`, `tau_apical` and `tau_soma`).
    """
    return _PYRAMIDAL.format(
        soma=soma,
        basal=tau or "tau_basal",
        apical=tau or "tau_apical",
        soma_tau=tau or "tau_soma",
    )


def interneuron_equations(tau: str = "tau_interneuron") -> str:
    """Return the equations of interneurons with the time constant of the given name."""
    return _INTERNEURON.format(tau=tau)


def decaying(rule: str, decay: str) -> str:
    """Return a rule whose rate falls as 1/(1 + t/decay), where `decay` is the name of a time.

    Parameters
    ----------
    rule : str
        A rule of this file.
    decay : str
        Name of the time after which the rate has halved.
    """
    return rule.replace("learn*", f"learn/(1 + t/{decay})*", 1)
