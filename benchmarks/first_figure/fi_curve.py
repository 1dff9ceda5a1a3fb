"""The f-I curve of the bursting pyramidal cell, as a plain Brian2 script (C++ standalone)."""

import sys

from brian2 import (
    NeuronGroup,
    SpikeMonitor,
    defaultclock,
    ms,
    mV,
    np,
    nS,
    pA,
    pF,
    run,
    second,
    set_device,
)

folder, figure = sys.argv[1:]
set_device("cpp_standalone", directory=folder)
defaultclock.dt = 0.1 * ms
currents = np.arange(0, 1001, 25) * pA
constants = {
    "tau_s": 16 * ms, "tau_d": 7 * ms, "tau_ws": 100 * ms, "tau_wd": 30 * ms, "C_s": 370 * pF, "C_d": 170 * pF,
    "E_L": -70 * mV, "E_d": -38 * mV, "D_d": 6 * mV, "g_s": 1300 * pA, "g_d": 1200 * pA, "c_d": 2600 * pA,
    "a": -13 * nS,
}  # fmt: skip
cell = NeuronGroup(
    len(currents),
    """
    dV_s/dt = -(V_s - E_L)/tau_s + (g_s*f + I + w_s)/C_s : volt (unless refractory)
    dV_d/dt = -(V_d - E_L)/tau_d + (g_d*f + c_d*K + w_d)/C_d : volt
    dw_s/dt = -w_s/tau_ws : amp
    dw_d/dt = (-w_d + a*(V_d - E_L))/tau_wd : amp
    f = 1/(1 + exp(-(V_d - E_d)/D_d)) : 1
    K = int(t - lastspike > 0.55*ms)*int(t - lastspike < 2.55*ms) : 1
    I : amp
    """,
    threshold="V_s > -50*mV",
    reset="V_s = E_L; w_s += -200*pA",
    refractory=3 * ms,
    method="euler",
    namespace=constants,
)
cell.V_s = cell.V_d = constants["E_L"]
cell.I = currents
spikes = SpikeMonitor(cell)
run(6 * second)

import matplotlib  # noqa: E402

matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402

counted = np.asarray(spikes.t) >= 1
rate = np.bincount(spikes.i[counted], minlength=len(currents)) / 5
plt.plot(currents / pA, rate, "o-")
plt.xlabel("current (pA)")
plt.ylabel("rate (Hz)")
plt.savefig(figure, dpi=150)
print("ANSWER", float(currents[np.argmax(rate > 0)]))
