"""Pyramidal cells with dendrites and four types of interneurons: PV, SST, VIP and NDNF cells, as rates.

SST cells inhibit dendrites quickly, NDNF cells slowly, through GABA that spills over. The spilled GABA also
inhibits the terminals of SST cells (presynaptic inhibition, strength b), so that NDNF cells take dendrites, and
themselves, away from SST cells.

    soma     tau_soma dr_E/dt     = -r_E + [x_E + soma_from_dendrite r_D + I_E]
    dendrite tau_dendrite dr_D/dt = -r_D + [x_D + I_D]
    k = PV, SST, VIP, NDNF:
             tau_k dr_k/dt        = -r_k + [x_k + I_k]
    GABA     tau_spilled dc/dt    = -c + r_NDNF                                   `spilled`, around each NDNF cell
    release  tau_release dp/dt    = -p + clip(1 - b <c>, p_low, 1)                `release`, of SST terminals

where [.] rectifies, <c> is the mean over all NDNF cells, and I is the sum of `inputs` from other cells, with
their signs. Cells send their rates r, with two exceptions: dendrites and NDNF cells receive p r_SST/(1 - b) from
SST cells, and dendrites receive c from NDNF cells.

The background x_k is chosen so that all rates are 1 at a fixed point, for every b: there c = 1, and p = 1 - b is
divided out. Without the division, b would change the activity as well as the feedback. Further inputs are 0 unless
a signal drives them (`pyramidal.soma_drive`, `pyramidal.dendrite_drive`, `pv.drive`, ...).

The fixed point of rates 1 is stable up to a critical b, at which a real eigenvalue crosses zero: by presynaptic
inhibition, NDNF cells disinhibit themselves. The Jacobian is A + b/(1 - b) u v^T, where A is that of b = 0, u is
what SST cells take from dendrites and NDNF cells, and v reads c; so at the critical b

    b/(1 - b) = -1/(v^T A^-1 u)           2.35365 with the defaults, b = 0.7018172

which is independent of all time constants. Above, but also in a range below, there are two states: NDNF cells
fire and SST terminals are shut, or NDNF cells fire little and SST cells inhibit dendrites. With p_low = 0, the
first of these exists if its NDNF rate r, which is independent of b, suffices to shut the terminals: b >= 1/r,
0.6316 with the defaults.

`form`:

    mean_field   one unit for each class, with the weights as they are
    network      70 pyramidal cells and 10 interneurons of each type, with random connections. A weight is divided
                 by the mean number of connections, so that the mean input of a cell is that of the mean field.
                 With connect=in_degree all cells of a class have equally many inputs: then rates of 1 are an exact
                 fixed point, and all eigenvalues of the mean field are eigenvalues of the network. With
                 connect=probability cells differ.

Dale's law: matrices from somata are excitatory, all others inhibitory, so given weights are sizes and never
negative.

Sources
-------
Naumann, Hertaeg, Mueller, Letzkus & Sprekeler (2025), on NDNF interneurons and presynaptic inhibition: classes,
weights, time constants, numbers of cells and probabilities of connections, as in their published simulation code.

Choices made here
-----------------
In the source, p is not divided by 1 - b. No cell connects to itself in the network. Presynaptic inhibition is by
the mean GABA of all NDNF cells, while the GABA of a cell inhibits those dendrites to which the cell is connected.
"""

from typing import Literal

import dendrosim as ds

PYRAMIDAL = """
dsoma/dt = (-soma + s(background_soma + soma_from_dendrite*dendrite + inputs + soma_drive))/tau_soma   : 1
ddendrite/dt = (-dendrite + s(background_dendrite + dendrite_inputs + dendrite_drive))/tau_dendrite    : 1
inputs                                                                    : 1   # from PV cells
dendrite_inputs                                                           : 1   # from somata, SST and NDNF cells
soma_drive                                                                : 1   # input
dendrite_drive                                                            : 1   # input
"""
INTERNEURON = """
dr/dt = (-r + s(background_{k} + inputs + drive))/tau_{k}                 : 1   # rate
inputs                                                                    : 1   # from other cells
drive                                                                     : 1   # input
"""
RELEASE = """
drelease/dt = (-release + clip(1 + b*gaba, p_low, 1))/tau_release         : 1   # p
gaba                                                                      : 1   # minus the mean of c
released = release*r/(1 - b)                                              : 1   # to dendrites and NDNF cells
"""
SPILLED = """
dspilled/dt = (-spilled + r)/tau_spilled                                  : 1   # c
"""
INTERNEURONS = {"pv": "", "sst": RELEASE, "vip": "", "ndnf": SPILLED}

PROBABILITIES = {
    "ndnf_from_sst": 0.9, "dendrite_from_sst": 0.55, "dendrite_from_ndnf": 0.5, "sst_from_soma": 0.35,
    "ndnf_from_ndnf": 0.5, "pv_from_sst": 0.6, "pv_from_ndnf": 0.3, "pv_from_pv": 0.5, "pv_from_soma": 0.7,
    "soma_from_pv": 0.6, "dendrite_from_soma": 0.1, "vip_from_sst": 0.5, "sst_from_vip": 0.5,
    "pv_from_vip": 0.5, "vip_from_soma": 0.1, "vip_from_ndnf": 0.3,
}  # fmt: skip
"""Probability of each connection in the network; its keys are also all weights between cells."""

NETWORK = {"pyramidal_cells": 70, "interneurons_per_type": 10, "connect": "probability"}
"""Defaults of parameters that the mean field does not have."""

SENT = {
    "ndnf_from_sst": "released",
    "dendrite_from_sst": "released",
    "dendrite_from_ndnf": "spilled",
}
"""What cells send if it is not their rate."""


class Parameters(ds.Parameters):
    form: Literal["mean_field", "network"] = ds.parameter("mean_field", "one unit a class, or many")
    b: float = ds.parameter(0.5, "strength of presynaptic inhibition", least=0, below=1)
    p_low: float = ds.parameter(0.0, "least release of SST terminals, at most 1 - b", least=0)
    soma_from_dendrite: float = ds.parameter(1.0, "effect of a dendrite on its soma", least=0)
    soma_from_pv: float = ds.parameter(0.5, "weight", least=0)
    dendrite_from_soma: float = ds.parameter(0.2, "weight, of other cells' somata", least=0)
    dendrite_from_sst: float = ds.parameter(0.5, "weight, before presynaptic inhibition", least=0)
    dendrite_from_ndnf: float = ds.parameter(0.4, "weight, of spilled GABA", least=0)
    pv_from_soma: float = ds.parameter(1.0, "weight", least=0)
    pv_from_pv: float = ds.parameter(0.1, "weight", least=0)
    pv_from_sst: float = ds.parameter(0.8, "weight", least=0)
    pv_from_vip: float = ds.parameter(0.2, "weight", least=0)
    pv_from_ndnf: float = ds.parameter(0.3, "weight", least=0)
    sst_from_soma: float = ds.parameter(0.8, "weight", least=0)
    sst_from_vip: float = ds.parameter(0.4, "weight", least=0)
    vip_from_soma: float = ds.parameter(0.3, "weight", least=0)
    vip_from_sst: float = ds.parameter(0.5, "weight", least=0)
    vip_from_ndnf: float = ds.parameter(0.2, "weight", least=0)
    ndnf_from_sst: float = ds.parameter(0.7, "weight, before presynaptic inhibition", least=0)
    ndnf_from_ndnf: float = ds.parameter(0.2, "weight", least=0)
    tau_soma: ds.Quantity = ds.parameter("10 ms", "time constant of somata", above=0)
    tau_dendrite: ds.Quantity = ds.parameter("20 ms", "time constant of dendrites", above=0)
    tau_pv: ds.Quantity = ds.parameter("10 ms", "time constant of PV cells", above=0)
    tau_sst: ds.Quantity = ds.parameter("20 ms", "time constant of SST cells", above=0)
    tau_vip: ds.Quantity = ds.parameter("15 ms", "time constant of VIP cells", above=0)
    tau_ndnf: ds.Quantity = ds.parameter("40 ms", "time constant of NDNF cells", above=0)
    tau_spilled: ds.Quantity = ds.parameter("200 ms", "time constant of spilled GABA", above=0)
    tau_release: ds.Quantity = ds.parameter("100 ms", "time constant of release", above=0)
    pyramidal_cells: int | None = ds.parameter(
        None, "pyramidal cells of a network (default: 70)", least=2
    )
    interneurons_per_type: int | None = ds.parameter(
        None, "interneurons of each type in a network (default: 10)", least=2
    )
    connect: Literal["probability", "in_degree"] | None = ds.parameter(
        None, "connections of a network (default: probability)"
    )


def circuit(p: Parameters) -> ds.Circuit:
    """Return populations `pyramidal`, `pv`, `sst`, `vip` and `ndnf`, at the fixed point of the mean field."""
    _check(p)
    cells, interneurons = (
        1 if p.form == "mean_field" else getattr(p, n) or NETWORK[n]
        for n in ("pyramidal_cells", "interneurons_per_type")
    )
    ones = {"soma": 1.0, "dendrite": 1.0}
    drives = dict.fromkeys(("soma_drive", "dendrite_drive"), 0.0)
    populations = [
        ds.Population("pyramidal", cells, PYRAMIDAL, drives, initial=ones, transfer="relu")
    ]
    for name, more in INTERNEURONS.items():
        start = {"r": 1.0, **({"release": 1 - p.b} if more is RELEASE else {})}
        start |= {"spilled": 1.0} if more is SPILLED else {}
        populations.append(
            ds.Population(
                name, interneurons, INTERNEURON.format(k=name) + more, {"drive": 0.0},
                initial=start, transfer="relu",
            )
        )  # fmt: skip
    matrices, projections = _connections(p, {q.name: q.size for q in populations})
    return ds.Circuit(populations, matrices, projections, p.with_values(**_backgrounds(p)))


def _connections(p, sizes):
    """Return the matrices between cells, and the projections that use them."""
    matrices, projections = [], []
    for name, probability in PROBABILITIES.items():
        post, pre = (_population(k) for k in name.split("_from_"))
        sign = "excitatory" if pre == "pyramidal" else "inhibitory"
        weight, connect = getattr(p, name), None
        if p.form == "network":
            partners = sizes[pre] - (pre == post)
            count = max(1, round(probability * partners))
            weight /= count if p.connect == "in_degree" else probability * partners
            connect = (
                ds.InDegree(count, self_connections=False)
                if p.connect == "in_degree"
                else ds.Probability(probability, self_connections=False)
            )
        initial = weight if sign == "excitatory" else -weight
        matrices.append(ds.Matrix(name, post, pre, initial, sign=sign, connect=connect))
        sent = SENT.get(name, "soma" if pre == "pyramidal" else "r")
        into = "dendrite_inputs" if name.startswith("dendrite") else "inputs"
        projections.append(ds.Projection(f"{pre}.{sent}", name, f"{post}.{into}"))
    mean = -1 / sizes["ndnf"]
    matrices.append(ds.Matrix("sst_terminals_from_ndnf", "sst", "ndnf", mean, sign="inhibitory"))
    projections.append(ds.Projection("ndnf.spilled", "sst_terminals_from_ndnf", "sst.gaba"))
    return matrices, projections


def _population(part):
    return "pyramidal" if part in ("soma", "dendrite") else part


def _backgrounds(p):
    """Return the background of each class at which rates of 1 are a fixed point."""
    background = dict.fromkeys(("soma", "dendrite", *INTERNEURONS), 1.0)
    background["soma"] -= p.soma_from_dendrite
    for name in PROBABILITIES:
        post, pre = name.split("_from_")
        background[post] -= getattr(p, name) * (1 if pre == "soma" else -1)
    return {f"background_{k}": value for k, value in background.items()}


def _check(p):
    """Refuse parameters that do not fit together."""
    if p.p_low > 1 - p.b:
        raise ds.errors.ParameterError(
            f"p_low is {p.p_low} and b is {p.b}; p_low must be at most 1 - b = {1 - p.b:g}, the release at rates "
            "of 1, or these rates are no fixed point"
        )
    for name in NETWORK:
        if p.form == "mean_field" and getattr(p, name) is not None:
            raise ds.errors.ParameterError(
                f"{name} is {getattr(p, name)}, but form is mean_field; {name} has a meaning only with "
                "form=network; leave it out"
            )
