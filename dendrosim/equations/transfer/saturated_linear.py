"""The identity between -1 and 1, constant outside: min(max(x, -1), 1), with the slope 1 or 0.

At -1 and 1 themselves the slope counts as 0. Amit (2021), "Deep learning with asymmetric connections and Hebbian
updates", gives 1 there in its remark 2, but 0 in eq. 3 and in the circuit of its appendix 1.
"""

from dendrosim.equations.transfer.base import Transfer

TRANSFER = Transfer(s="clip(x, -1, 1)", ds="1.0*int(abs(x) < 1)")
