"""Which targets outputs with a transfer function can reach."""

import pytest

from dendrosim.errors import ParameterError
from dendrosim.learning.target_range import check_target_range, transfer_range

INF = float("inf")
RANGES = {
    "tanh": (-1, 1, False, False),
    "sigmoid": (0, 1, False, False),
    "softplus": (0, INF, False, False),
    "relu": (0, INF, True, False),
    "saturating": (0, 1, True, False),
    "saturated_linear": (-1, 1, True, True),
    "linear": (-INF, INF, False, False),
    "leaky_relu": (-INF, INF, False, False),
    "smooth_leaky": (-INF, INF, False, False),
}


@pytest.mark.parametrize("name", RANGES)
def test_the_range_of_a_transfer_function(name):
    found = transfer_range(name)
    assert (found.low, found.high, found.has_low, found.has_high) == RANGES[name]


def test_ends_of_a_range_are_allowed_where_the_function_has_them():
    check_target_range("targets are", (-1.0, 1.0), "saturated_linear", "")
    check_target_range("targets are", (0.0, 1e5), "relu", "")
    check_target_range("targets are", (-1e9, 1e9), "linear", "")
    with pytest.raises(
        ParameterError,
        match=r"targets are from 0 to 1, but outputs of sigmoid units are above 0 and below 1; choose others",
    ):
        check_target_range("targets are", (0.0, 1.0), "sigmoid", "choose others")
    with pytest.raises(ParameterError, match=r"relu units are at least 0; no"):
        check_target_range("targets are", (-0.1, 1.0), "relu", "no")
