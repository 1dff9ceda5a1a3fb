"""BMVR on correlated Gaussian data, one sample at a time, as a plain Brian2 script (C++ standalone)."""

import sys

from brian2 import (
    NeuronGroup,
    StateMonitor,
    Synapses,
    TimedArray,
    defaultclock,
    ms,
    np,
    run,
    second,
    set_device,
)

folder, figure, data, presentations = *sys.argv[1:4], int(sys.argv[4])
set_device("cpp_standalone", directory=folder)
step = 2 * ms
defaultclock.dt = step
rng = np.random.default_rng(1)
given = np.load(data)
x, y, amplitude, decay = given["x"], given["y"], float(given["amplitude"]), float(given["decay"])
order = np.concatenate([rng.permutation(len(x)) for _ in range(presentations // len(x) + 1)])
trial = 8 * step
xs = TimedArray(x[order[:presentations]], dt=trial)
ys = TimedArray(y[order[:presentations]], dt=trial)
learning = np.tile([0.0] * 3 + [1.0] * 5, presentations)
times = np.arange(8 * presentations) * float(step)
learn = TimedArray(learning * amplitude / (1 + times / decay), dt=step)
tau, eta, tau_ratio = 2 * ms, 1 / second, 0.5
inputs = NeuronGroup(10, "x = xs(t, i) : 1")
targets = NeuronGroup(3, "y = ys(t, i) : 1")
cells = NeuronGroup(
    2,
    """
    dbasal/dt = (-basal + bottom_up)/tau : 1
    dapical/dt = (-apical + top_down)/tau : 1
    dsoma/dt = (-soma + basal)/tau : 1
    plateau = apical - inhibition : 1
    bottom_up : 1
    top_down : 1
    inhibition : 1
    """,
    method="euler",
)
interneurons = NeuronGroup(2, "dn/dt = (-n + excitation)/tau : 1\nexcitation : 1", method="euler")
w1 = Synapses(
    inputs,
    cells,
    """
    dw/dt = learn(t)*eta*plateau_post*x_pre : 1 (clock-driven)
    bottom_up_post = w*x_pre : 1 (summed)""",
    method="euler",
)
b = Synapses(
    targets,
    cells,
    """
    dw/dt = learn(t)*eta*(soma_post*y_pre - w) : 1 (clock-driven)
    top_down_post = w*y_pre : 1 (summed)""",
    method="euler",
)
q = Synapses(
    interneurons,
    cells,
    """
    dw/dt = learn(t)*eta/tau_ratio*(soma_post*n_pre - w) : 1 (clock-driven)
    inhibition_post = w*n_pre : 1 (summed)""",
    method="euler",
)
back = Synapses(
    cells,
    interneurons,
    """
    dw/dt = learn(t)*eta/tau_ratio*(n_post*soma_pre - w) : 1 (clock-driven)
    excitation_post = w*soma_pre : 1 (summed)""",
    method="euler",
)
for synapses in (w1, b, q, back):
    synapses.connect()
identity = np.eye(2) + 0.1 / 2**0.5 * rng.normal(size=(2, 2))
w1.w = rng.normal(size=20) / 10**0.5
b.w = 0.3 * rng.normal(size=6)
q.w, back.w = identity.T.ravel(), identity.ravel()
kept = StateMonitor(w1, "w", record=np.arange(20), dt=presentations // 500 * trial)
run(presentations * trial)

import matplotlib  # noqa: E402

matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402

plt.plot(kept.t / second, kept.w.T)
plt.xlabel("time (s)")
plt.ylabel("w1")
plt.savefig(figure, dpi=150)
w = np.asarray(w1.w).reshape(10, 2).T
print("ANSWER", float(np.trace(w @ np.cov(x.T, bias=True) @ w.T)))
