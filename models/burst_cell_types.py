"""The single-phase burst rule with four cell types that obey Dale's law, each of which can be ablated.

Pyramidal cells are those of `burst_ccn` with the logistic function, but all their synapses excite. The signed
weights of the rule are differences: an excitatory weight for each pair of cells, minus a constant that is due to
interneurons.

    PV      feed-forward: one cell per layer, which follows the sum of the events of the layer below, and inhibits
            all somata by c_i, so W_i = w_i - c_i
    SST     feedback: one cell for each cell of the layer above, which follows its events (depressing synapses) and
            inhibits dendrites by -q_i. It cancels the bursts that come without error
    pool    feedback: one SST cell that follows the sum of all bursts (facilitating synapses), in addition to a
            tonic rate, and inhibits all dendrites by d_i, so Y_i = y_i - d_i
    VIP     feedback: one cell with the rate P_b times the sum of all events, which inhibits the pool. It cancels
            the part of the pool that comes without error

    tau dr_PV/dt   = -r_PV + sum e_(i-1)
    tau dr_SST/dt  = -r_SST + e_(i+1)
    tau dr_pool/dt = -r_pool + [tonic + sum b_(i+1) - r_VIP]
    tau dr_VIP/dt  = -r_VIP + P_b sum e_(i+1)
    v_i            = w_i e_(i-1) - c_i r_PV                                     basal voltage
    tau da_i/dt    = -a_i + y_i b_(i+1) + q_i r_SST - d_i (r_pool - tonic)      apical potential

When interneurons have settled, these are the equations of `burst_ccn` with W_i, Y_i and Q_i = -q_i - P_b d_i. With
q_i = -P_b y_i, a_i = Y_i (b_(i+1) - P_b e_(i+1)). Weights stay on their side of 0:

    dw_i/dt = eta (b_i - P_b e_i) e_(i-1)^T         w_i >= 0, while `learn` is open
    dq_i/dt = -eta_q a_i r_SST^T                    q_i <= 0, while `sleep` is open
    y_i fixed, or with feedback=kolen_pollack       dy_i/dt = eta e_i (b_(i+1) - P_b e_(i+1))^T, y_i >= 0

Initial w_i and y_i are uniform from 0 to 2 c_i and 2 d_i. Inputs are rates, and must not be negative. `ablated`
silences types of interneurons; `sst` includes the pool. The tonic inhibition by the pool is part of the background
of dendrites, which an ablation leaves as it is.

Sources
-------
Greedy et al. (2022), NeurIPS 35, for the rule and for PV, SST and VIP cells on these paths; its version with cell
types in continuous time is the subject of a preprint (doi 10.64898/2026.06.16.732595). How interneurons are wired
is a choice made here.
"""

from typing import Literal

import dendrosim as ds
from dendrosim.mechanisms.layer_chain import count_layers, input_layer

PYRAMIDAL = """
dh/dt = (-h + s(basal))/tau                       : 1   # event rate
basal                                             : 1   # fed by w, and by the PV cell
burst = burst_probability*h                       : 1   # burst rate
teaching = burst - p_b*h                          : 1   # excess of bursts
"""
HIDDEN = """
dapical/dt = (-apical + top_down + background)/tau : 1  # apical potential
top_down                                          : 1   # fed by y, q and the pool
burst_probability = 0.5 + 0.5*tanh(0.5*beta*(1 - h)*apical + 0.5*log(p_b/(1 - p_b))) : 1
"""
OUTPUT = """
burst_probability = p_b*(1 + teach*(1 - h)*(target - h)) : 1
target                                            : 1   # input, from 0 to 1
"""
FOLLOWER = """
dr/dt = (-r + alive*drive)/tau                    : 1   # rate
drive                                             : 1   # fed by events
"""
POOL = """
dr/dt = (-r + alive*clip(tonic + drive, 0, 1e9))/tau : 1 # rate
drive                                             : 1   # fed by bursts, and by the VIP cell
"""
FORWARD = "dw/dt = learn*eta*teaching_post*h_pre : 1"
FEEDBACK = {"fixed": None, "kolen_pollack": "dw/dt = learn*eta*h_post*teaching_pre : 1"}
INHIBITION = "dw/dt = -sleep*eta_q*apical_post*r_pre : 1"
SPREAD = 3**0.5  # half the range of a uniform distribution, over its standard deviation

Type = Literal["pv", "sst", "vip"]


class Parameters(ds.Parameters):
    sizes: tuple[int, ...] = ds.parameter((8, 6, 4), "units per layer, input first", least=1)
    feedback: Literal["fixed", "kolen_pollack"] = ds.parameter("fixed", "whether y learns")
    ablated: tuple[Type, ...] = ds.parameter((), "types of interneurons that are silent")
    p_b: float = ds.parameter(0.5, "burst probability without teacher, P_b", above=0, most=0.5)
    beta: float | None = ds.parameter(
        None, "effect of apical potentials on bursts (default: 1/(p_b (1 - p_b)))", above=0
    )
    eta: ds.Quantity = ds.parameter("5 Hz", "learning rate of w and y", above=0)
    eta_q: ds.Quantity = ds.parameter("4 Hz", "learning rate of q", above=0)
    tau: ds.Quantity = ds.parameter("10 ms", "time constant of all cells and dendrites", above=0)
    gain: float = ds.parameter(1.0, "sd of initial weights W times sqrt(units below)", above=0)
    y_gain: float = ds.parameter(1.0, "sd of initial weights Y times sqrt(units above)", above=0)


def circuit(p: Parameters) -> ds.Circuit:
    """Return a chain of layers with interneurons; its inputs are `layer0.h` and the `target` of the last layer."""
    last = count_layers(p.sizes)
    populations, matrices, projections = [input_layer(p.sizes[0])], [], []
    for i in range(1, last + 1):
        hidden = i < last
        background = (
            {"background": _offset(p.y_gain, p.sizes[i + 1]) * _tonic(p, i)} if hidden else {}
        )
        populations.append(
            ds.Population(
                f"layer{i}", p.sizes[i], PYRAMIDAL + (HIDDEN if hidden else OUTPUT),
                () if hidden else ["target"], background, transfer="sigmoid",
            )
        )  # fmt: skip
        for part in (*_below(p, i), *(_above(p, i) if hidden else ())):
            kinds = {ds.Population: populations, ds.Matrix: matrices}
            kinds.get(type(part), projections).append(part)
    gates = {"teach": 0.0, "learn": 0.0, **({"sleep": 0.0} if last > 1 else {})}
    beta = 1 / (p.p_b * (1 - p.p_b)) if p.beta is None else p.beta
    values = p.with_values(**({"beta": beta} if last > 1 else {}))
    return ds.Circuit(populations, matrices, projections, values, gates)


def _offset(gain, units):
    """Return the constant that is subtracted from the weights of this many units."""
    return SPREAD * gain / units**0.5


def _tonic(p, i):
    """Return the tonic rate of the pool of layer i: the smallest with which it is never silent."""
    return p.p_b * p.sizes[i + 1]


def _interneuron(p, kind, name, units, text, **values):
    return ds.Population(
        name, units, text, parameters={"alive": float(kind not in p.ablated), **values}
    )


def _fixed(name, post, pre, weight):
    """Return a matrix of equal weights, on the side of 0 on which they are."""
    return ds.Matrix(name, post, pre, weight, sign="excitatory" if weight > 0 else "inhibitory")


def _below(p, i):
    """Return what layer i receives from the layer below: w, and the PV cell."""
    layer, below, offset = f"layer{i}", f"layer{i - 1}", _offset(p.gain, p.sizes[i - 1])
    return (
        ds.Matrix(f"w{i}", layer, below, ds.Uniform(0.0, 2 * offset), FORWARD, sign="excitatory"),
        ds.Projection(f"{below}.h", f"w{i}", f"{layer}.basal"),
        _interneuron(p, "pv", f"pv{i}", 1, FOLLOWER),
        _fixed(f"to_pv{i}", f"pv{i}", below, 1.0),
        _fixed(f"from_pv{i}", layer, f"pv{i}", -offset),
        ds.Projection(f"{below}.h", f"to_pv{i}", f"pv{i}.drive"),
        ds.Projection(f"pv{i}.r", f"from_pv{i}", f"{layer}.basal"),
    )


def _above(p, i):
    """Return what dendrites of layer i receive from above: y, SST cells, and the pool with its VIP cell."""
    layer, above, units = f"layer{i}", f"layer{i + 1}", p.sizes[i + 1]
    offset, target = _offset(p.y_gain, units), f"layer{i}.top_down"
    y, q = ds.Uniform(0.0, 2 * offset), ds.Uniform(-2 * p.p_b * offset, 0.0)
    return (
        ds.Matrix(f"y{i}", layer, above, y, FEEDBACK[p.feedback], sign="excitatory"),
        ds.Projection(f"{above}.burst", f"y{i}", target),
        _interneuron(p, "sst", f"sst{i}", units, FOLLOWER),
        ds.Matrix(f"to_sst{i}", f"sst{i}", above, ds.Identity(), sign="excitatory"),
        ds.Matrix(f"q{i}", layer, f"sst{i}", q, INHIBITION, sign="inhibitory"),
        ds.Projection(f"{above}.h", f"to_sst{i}", f"sst{i}.drive"),
        ds.Projection(f"sst{i}.r", f"q{i}", target),
        _interneuron(p, "sst", f"pool{i}", 1, POOL, tonic=_tonic(p, i)),
        _fixed(f"to_pool{i}", f"pool{i}", above, 1.0),
        _fixed(f"from_pool{i}", layer, f"pool{i}", -offset),
        ds.Projection(f"{above}.burst", f"to_pool{i}", f"pool{i}.drive"),
        ds.Projection(f"pool{i}.r", f"from_pool{i}", target),
        _interneuron(p, "vip", f"vip{i}", 1, FOLLOWER),
        _fixed(f"to_vip{i}", f"vip{i}", above, p.p_b),
        _fixed(f"from_vip{i}", f"pool{i}", f"vip{i}", -1.0),
        ds.Projection(f"{above}.h", f"to_vip{i}", f"vip{i}.drive"),
        ds.Projection(f"vip{i}.r", f"from_vip{i}", f"pool{i}.drive"),
    )
