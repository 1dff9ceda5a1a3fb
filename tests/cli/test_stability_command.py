"""`dendrosim stability`: what it prints and writes, against closed forms, and what it refuses."""

import json

import numpy as np
import pytest

from dendrosim.cli import main as cli

TAU = 10e-3


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)


def stability(capsys, *arguments):
    """Run the command with --json and return the object."""
    code = cli.main(["stability", *arguments, "--json", "--out", "out"])
    printed = json.loads(capsys.readouterr().out)
    assert code == 0, printed
    return printed


def refused(capsys, code, *arguments):
    """Run the command, which must fail with an exit code, and return the message."""
    assert cli.main(["stability", *arguments, "--json", "--out", "out"]) == code
    return json.loads(capsys.readouterr().out)["error"]["message"]


def test_a_clamped_chain_has_the_tridiagonal_spectrum(capsys):
    """-1 + 2 sqrt(mu (1 - mu)) cos(k pi/(L + 1)) per tau, each n times."""
    found = stability(
        capsys, "dynamical_tp", "--set", "target=clamped", "--set", "sizes=[2, 2, 2, 2]",
        "--input", "layer0.h=[1, 0.5]", "--input", "layer3.target=0.3",
    )  # fmt: skip
    assert found["model"] == "dynamical_tp"
    assert found["states"] == [f"layer{i}.h[{j}]" for i in (1, 2, 3) for j in (0, 1)]
    expected = [-1 + 0.8 * np.cos(k * np.pi / 4) for k in (1, 2, 3) for _ in range(2)]
    values = np.array(found["eigenvalues"]) * TAU
    assert values[:, 0] == pytest.approx(expected, abs=1e-10)
    assert values[:, 1] == pytest.approx(0, abs=1e-10)
    assert found["time_constants"] == pytest.approx([-TAU / x for x in expected])
    assert found["max_euler_step"] == pytest.approx(2 * TAU / (1 + 0.8 * np.cos(np.pi / 4)))
    assert found["verdict"] == "stable"
    assert found["converged"] is True
    assert found["residual"] < 1e-9
    assert found["parameters"]["tau"] == TAU
    assert found["units"]["tau"] == "s"
    assert len(found["state"]) == 6
    assert all(name.endswith(".png") for name in found["figures"])


def test_an_input_that_is_not_given_is_zero(capsys):
    found = stability(capsys, "dynamical_tp", "--set", "target=clamped")
    assert found["state"] == pytest.approx([0] * 12, abs=1e-12)


def test_transient_growth_of_a_chain_with_gain(capsys):
    """A scalar chain of L = 1 does not grow; its numerical abscissa is its eigenvalue."""
    found = stability(
        capsys, "dynamical_tp", "--set", "target=clamped", "--set", "sizes=[1, 1]", "--transient"
    )
    assert found["numerical_abscissa"] == pytest.approx(-1 / TAU)
    assert found["transient_growth"] == {"peak": 1.0, "time": 0.0}


def test_a_threshold_is_located_by_continuation(capsys):
    """With Q = (1 + e) W^-1, L = 3: unstable from mu (1 - mu) = 1/(2 (1 + e)) on, here mu = .2."""
    found = stability(
        capsys, "dynamical_tp", "--set", "target=clamped", "--set", "sizes=[2, 2, 2, 2]",
        "--set", "inverse=fixed", "--set", "inverse_error=2.125", "--set", "mu=0.05",
        "--continue", "mu=0.05:0.4",
    )  # fmt: skip
    (crossing,) = found["bifurcations"]
    assert crossing["parameter"] == "mu"
    assert crossing["value"] == pytest.approx(0.2, abs=1e-6)
    low, high = crossing["interval"]
    assert low <= crossing["value"] <= high
    assert high - low < 1e-6
    assert crossing["frequency"] == 0
    assert found["branch"]["values"][0] == 0.05
    assert found["branch"]["values"][-1] == 0.4
    assert found["branch"]["stable"][0]
    assert not found["branch"]["stable"][-1]


def test_a_range_is_given_in_units_of_its_parameter(capsys):
    """The eigenvalues of a clamped unit are -1/tau, from 10 ms to 20 ms."""
    chain = ["dynamical_tp", "--set", "target=clamped", "--set", "sizes=[1, 1]"]
    found = stability(capsys, *chain, "--continue", "tau=10 ms:20 ms")
    assert found["branch"]["values"][0] == pytest.approx(0.01)
    assert found["branch"]["values"][-1] == pytest.approx(0.02)
    assert all(found["branch"]["stable"])


def test_a_protocol_is_analysed_in_a_phase_of_its_own(capsys):
    found = stability(
        capsys, "tp_speed_limit", "--set", "kappas=[0.1]", "--phase", "settle",
    )  # fmt: skip
    assert found["verdict"] in ("stable", "marginal")


def test_a_cell_below_threshold(capsys):
    found = stability(capsys, "pyramidal_burst", "--subthreshold")
    assert found["verdict"] == "stable"
    soma = found["state"][found["states"].index("pyramidal.soma[0]")]
    assert -0.0701 < soma < -0.0695


def test_rounding_is_not_shown_as_a_frequency(capsys):
    """All eigenvalues of the chain are real; those of a multiple one come with an imaginary part of 1e-13."""
    chain = ["--set", "gain=5", "--set", "mu=0.1", "--seed", "0"]
    assert cli.main(["stability", "dynamical_tp", *chain, "--out", "out"]) == 0
    assert "Hz" not in capsys.readouterr().out


def test_the_object_is_kept_beside_the_figures(capsys, tmp_path):
    found = stability(capsys, "dynamical_tp")
    kept = json.loads((tmp_path / "out" / "stability.json").read_text())
    assert kept["eigenvalues"] == found["eigenvalues"]
    assert (tmp_path / "out" / "spectrum.png").stat().st_size > 1000


def test_a_person_reads_a_verdict_and_the_slowest_modes(capsys):
    assert cli.main(["stability", "dynamical_tp", "--out", "out"]) == 0
    text = capsys.readouterr().out
    assert "stable fixed point" in text
    assert "time constant" in text
    assert "forward Euler is stable for steps below" in text


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (2, ["dynamical_tq"], "did you mean 'dynamical_tp'"),
        (3, ["pyramidal_burst"], "--subthreshold"),
        (2, ["dynamical_tp", "--input", "layer0.g=1"], "unknown input 'layer0.g'"),
        (3, ["dynamical_tp", "--input", "layer0.h=1 mV"], "layer0.h is in V"),
        (2, ["dynamical_tp", "--input", "layer0.h"], "write NAME=VALUE"),
        (2, ["dynamical_tp", "--unfreeze", "v*"], "unknown plastic matrix 'v*'"),
        (2, ["dynamical_tp", "--slave", "layer9.*"], "unknown state 'layer9.*'"),
        (2, ["dynamical_tp", "--continue", "mu=0.1"], "write NAME=START:STOP"),
        (2, ["dynamical_tp", "--continue", "eta_hut=0.1:0.2"], "did you mean 'eta_hat'"),
        (2, ["dynamical_tp", "--continue", "eta_q=1:2"], "unknown parameter of the equations 'eta_q'"),
        (2, ["dynamical_tp", "--continue", "mu=a:0.2"], "--continue mu=a:0.2: cannot read 'a'"),
        (3, ["dynamical_tp", "--continue", "mu=0.2:1.5"], "mu is 1.5; it must lie between 0 and 1"),
        (3, ["dynamical_tp", "--continue", "mu=1 ms:2 ms"], "'1 ms' is in s; it must have no unit"),
        (3, ["dynamical_tp", "--continue", "tau=10:20"], "'10' has no unit; it must be in s"),
        (3, ["pyramidal_passive", "--continue", "pyramidal.current_soma=0:1 mV"], "must be in A"),
        (2, ["dynamical_tp", "--input", "layer0.h=[1, x]"], "--input layer0.h=[1, x]: cannot read 'x'"),
        (2, ["dynamical_tp", "--phase", "free"], "only a protocol has phases"),
        (2, ["dynamical_tp", "--gate", "lern=1"], "unknown gate 'lern'; did you mean 'learn'"),
        (2, ["tp_depth", "--phase", "nope"], "unknown phase of the protocol 'nope'"),
        (2, ["tp_depth", "--time", "soon"], "--time soon: cannot read 'soon'"),
        (3, ["tp_depth", "--time", "1 mV"], "it must be a time"),
        (3, ["bac_firing", "--subthreshold"], "changes in time"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(capsys, code, arguments, message):
    assert message in refused(capsys, code, *arguments)


def test_what_has_no_fixed_point_ends_with_code_4(capsys, tmp_path):
    model = tmp_path / "runaway.py"
    model.write_text(
        '"""A unit that runs away."""\n\n'
        "import dendrosim as ds\n\n\n"
        "def circuit(*, rate: ds.Quantity = '1 Hz') -> ds.Circuit:\n"
        '    """Return it.\n\n    Parameters\n    ----------\n    rate\n        Of growth.\n    """\n'
        "    unit = ds.Population('unit', 1, 'dx/dt = rate*(1 + x**2) : 1')\n"
        "    return ds.Circuit([unit], parameters={'rate': rate})\n"
    )
    message = refused(capsys, 4, str(model))
    assert "no fixed point" in message
    assert "unit.x[0]" in message
    assert not (tmp_path / "out").exists()


def test_a_circuit_with_delays_has_a_fixed_point_without_a_spectrum(capsys, tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "echo.py").write_text(
        '"""A unit that inhibits itself."""\n'
        "import dendrosim as ds\n\n\n"
        "def circuit():\n"
        '    """Return the circuit."""\n'
        '    unit = ds.Population("unit", 1, "dx/dt = (1 - x + y)/(5*ms) : 1\\ny : 1")\n'
        '    back = ds.Projection("unit.x", "w", "unit.y", delay="3 ms")\n'
        '    return ds.Circuit((unit,), (ds.Matrix("w", "unit", "unit", -1.0),), (back,))\n'
    )
    monkeypatch.setenv("DENDROSIM_PATH", str(tmp_path))
    found = stability(capsys, "echo")
    assert found["state"] == pytest.approx([0.5])
    assert found["verdict"] is None
    assert "eigenvalues" not in found
    assert "has a delay of 0.003 s" in found["message"]
    assert cli.main(["stability", "echo", "--out", "again"]) == 0
    assert "its stability is not known" in capsys.readouterr().out


BRUSSELATOR = '''
"""The Brusselator."""

import dendrosim as ds


def circuit():
    """x' = a - (b + 1) x + x² y and y' = b x - x² y."""
    equations = """
    dx/dt = (1 - (b + 1)*x + x**2*y)/tau : 1
    dy/dt = (b*x - x**2*y)/tau : 1
    """
    return ds.Circuit((ds.Population("m", 1, equations),), parameters={"b": 1.5, "tau": "1 s"})
'''


def test_oscillations_are_followed_from_a_hopf_point(capsys, tmp_path):
    """The Brusselator at b = 3 has the period 7.15692 s."""
    (tmp_path / "brusselator.py").write_text(BRUSSELATOR, "utf-8")
    found = stability(capsys, "brusselator.py", "--continue", "b=1.5:3", "--cycles")
    (hopf,) = found["bifurcations"]
    assert hopf["criticality"] == "supercritical"
    assert hopf["lyapunov_coefficient"] == pytest.approx(-0.5, abs=1e-5)
    (branch,) = found["cycles"]
    assert branch[-1]["parameter"] == pytest.approx(3.0)
    assert branch[-1]["period"] == pytest.approx(7.15692, abs=1e-5)
    assert branch[-1]["amplitude"]["m.x[0]"] == pytest.approx((3.75177 - 0.37055) / 2, abs=1e-5)
    assert branch[-1]["stable"] is True
    assert branch[-1]["multipliers"][0] == pytest.approx([1.0, 0.0], abs=1e-6)
    message = refused(capsys, 2, "brusselator.py", "--cycles")
    assert "--cycles needs --continue" in message
