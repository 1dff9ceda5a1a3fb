"""Claims on random feedback: numbers in which each claim holds, and changes that make exactly that claim fail."""

import numpy as np
import pytest

from dendrosim.analysis.random_feedback_claims import decide_claims, order_gaps

ACCURACY = {
    "full": {"bp": (0.95, 0.96), "bp_softmax": (0.96, 0.97), "urfb": (0.94, 0.95), "frfb": (0.93, 0.90)},
    "local": {"bp": (0.93, 0.94), "bp_softmax": (0.94, 0.95), "urfb": (0.92, 0.93), "frfb": (0.91, 0.88)},
}  # fmt: skip
OTHERS = {
    "mean_error": {"bp": (0.1, 0.1), "urfb": (0.12, 0.13), "frfb": (0.15, 0.2)},
    "early_gain": {"bp": (0.5, 0.5), "urfb": (0.45, 0.45), "frfb": (0.4, 0.2)},
    "early_correlation": {"urfb": (0.1, 0.1)},
    "largest_correlation": {"urfb": (0.7, 0.6)},
    "smallest_rise": {"urfb": (0.3, 0.2)},
}


def tables(splits=2, **changed):
    """Tables of these numbers, the same in all splits; `changed` replaces those of a rule in both kinds."""
    found = {}
    for name in ("accuracy", *OTHERS):
        kinds = ACCURACY if name == "accuracy" else dict.fromkeys(("full", "local"), OTHERS[name])
        found[name] = {
            k: {r: np.tile(changed.get(f"{name}_{r}", v), (splits, 1)) for r, v in rules.items()}
            for k, rules in kinds.items()
        }
    return found


def test_all_claims_hold_with_the_numbers_that_decide_them():
    claims = decide_claims(tables())
    assert list(claims) == ["hinge", "shallow", "deep", "local", "alignment", "early"]
    for claim in claims.values():
        assert claim["holds"] == claim["share"] == 1
    assert claims["hinge"]["hinge_behind_softmax"] == pytest.approx(0.01)
    assert claims["shallow"]["frfb_behind_urfb"] == pytest.approx(0.01)
    assert claims["shallow"]["mean_error_of_frfb_above_urfb"] == pytest.approx(0.03)
    assert claims["deep"]["frfb_behind_bp"] == pytest.approx(0.06)
    assert claims["deep"]["frfb_behind_bp_in_shallowest"] == pytest.approx(0.02)
    assert claims["local"]["local_behind_full"] == pytest.approx(0.02)
    assert claims["alignment"] == pytest.approx(
        {"holds": 1, "share": 1, "largest_correlation": 0.7, "smallest_rise": 0.2}
    )
    assert claims["early"]["reduction_of_errors_over_bp"] == pytest.approx(0.9)
    assert order_gaps(tables()["accuracy"], "frfb")["full"] == pytest.approx([0.02, 0.06])


@pytest.mark.parametrize(
    ("changed", "fails"),
    [
        ({"accuracy_bp_softmax": (0.99, 0.99)}, {"hinge"}),
        ({"accuracy_bp_softmax": (0.9, 0.9)}, {"hinge"}),
        ({"mean_error_frfb": (0.11, 0.2)}, {"shallow"}),
        ({"early_gain_urfb": (0.3, 0.3)}, {"early"}),
        ({"early_correlation_urfb": (0.6, 0.6)}, {"early"}),
        ({"largest_correlation_urfb": (1.0, 0.6)}, {"alignment"}),
        ({"smallest_rise_urfb": (0.3, -0.01)}, {"alignment"}),
    ],
)
def test_a_claim_fails_where_its_numbers_do(changed, fails):
    claims = decide_claims(tables(**changed))
    assert {name for name, claim in claims.items() if not claim["holds"]} == fails


def test_order_and_distance_of_rules_decide():

    def failed(given):
        return {name for name, claim in decide_claims(given).items() if not claim["holds"]}

    given = tables()  # fixed feedback is ahead where locally connected networks are shallow
    given["accuracy"]["local"]["frfb"] = np.full((2, 2), 0.945)
    assert failed(given) == {"shallow", "deep", "local"}
    given = tables()  # updated feedback is not close to back-propagation, but in order
    given["accuracy"]["full"]["urfb"] = np.full((2, 2), 0.905)
    assert failed(given) == {"shallow", "deep"}
    given = tables()
    for rule in ("bp", "urfb", "frfb"):
        given["accuracy"]["local"][rule] = given["accuracy"]["local"][rule] - 0.05
    assert failed(given) == {"hinge", "local"}


def test_the_share_is_that_of_single_splits():
    given = tables(splits=4)
    given["smallest_rise"]["full"]["urfb"][1] = -0.1
    assert decide_claims(given)["alignment"]["share"] == 0.75
    assert decide_claims(given)["alignment"]["holds"] == 0  # the smallest rise of any split
    given = tables(splits=4)
    given["early_gain"]["full"]["urfb"][2] = 0.3  # the means decide, and they are close
    claim = decide_claims(given)["early"]
    assert (claim["holds"], claim["share"]) == (1, 0.75)


def test_claims_whose_rules_or_kinds_are_missing_are_left_out():
    given = tables()
    for table in given.values():
        del table["local"]
    del given["accuracy"]["full"]["bp_softmax"]
    assert set(decide_claims(given)) == {"shallow", "deep", "alignment", "early"}
