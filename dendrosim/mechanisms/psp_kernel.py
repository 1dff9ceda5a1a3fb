"""Postsynaptic potentials as differences of exponentials, computed once for each presynaptic unit.

All synapses of a unit have the same kernel, so a weighted sum of potentials is a matrix times `psp`:

    kappa(t) = (exp(-t/tau) - exp(-t/(rise tau)))/((1 - rise) tau),   whose integral is 1
    psp(t) = sum over spikes of kappa(t - t_spike)/rate_unit

Two filters make it, of which psp is the difference (slow - rise fast)/(1 - rise):

    dslow/dt = -slow/tau,          a spike adds 1/(rate_unit tau)
    dfast/dt = -fast/(rise tau),   a spike adds 1/(rate_unit rise tau)

A Poisson train of the rate r has the mean r/rate_unit and, by Campbell's theorem, the variance r/(2 tau (1 + rise)
rate_unit^2). In steps of dt the mean is the same. If rates are simulated in place of spikes, both filters follow
the rate, dslow/dt = (h - slow)/tau, so that psp is the expected potential for a given course of the rate h, in
units of rate_unit.

Sources
-------
Campbell (1909), Proceedings of the Cambridge Philosophical Society 15:117, for the variance; the kernel is that of
Urbanczik & Senn (2014), Neuron 81:521.
"""

EQUATIONS = """
dslow/dt = {sent}/tau                                 : 1   # potential with the decay of the membrane
dfast/dt = {sent_fast}/(rise*tau)                     : 1   # the same with the decay of synapses
psp = (slow - rise*fast)/(1 - rise)                   : 1   # postsynaptic potential
"""


def psp_equations(rate: str | None = None) -> str:
    """Return the equations of a presynaptic population; they use the parameters `tau` and `rise`.

    Parameters
    ----------
    rate : str, optional
        Variable whose course replaces spikes, in units of `rate_unit` (default: there are spikes, which act by
        the assignments of `psp_assignments`).
    """
    if rate is None:
        return EQUATIONS.format(sent="-slow", sent_fast="-fast")
    return EQUATIONS.format(sent=f"({rate} - slow)", sent_fast=f"({rate} - fast)")


def psp_assignments(rate_unit: str, suffix: str = "") -> str:
    """Return what a spike does: the reset of a population, or with a suffix the effect of a pathway.

    Parameters
    ----------
    rate_unit : str
        Parameter with the rate at which the mean of `psp` is 1.
    suffix : str, default ""
        Suffix of the variables, such as `_post`.
    """
    return f"slow{suffix} += 1/({rate_unit}*tau)\nfast{suffix} += 1/({rate_unit}*rise*tau)"
