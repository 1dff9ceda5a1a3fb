"""Parts of a result follow the rules of Python's mappings."""

import pytest
from result_examples import result

from dendrosim.errors import UnknownNameError


def test_the_final_state_is_a_mapping():
    final = result().final
    assert "soma.v" in final
    assert "x" not in final
    assert final.get("x") is None
    assert final.get("x", 3) == 3
    assert final.get("w").identical(final["w"])
    assert set(final.keys()) == {"soma.v", "soma.u", "w"}


@pytest.mark.parametrize("kind", [UnknownNameError, KeyError])
def test_a_missing_name_is_a_key_error_with_a_sentence(kind):
    one = result()
    for part, message in (
        (one.final, "unknown state 'x'"), (one, "unknown recording 'x'"), (one.spikes, "no spikes were"),
    ):  # fmt: skip
        with pytest.raises(kind) as caught:
            part["x"]
        assert str(caught.value).startswith(message)
