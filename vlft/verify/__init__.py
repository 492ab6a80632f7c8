"""Whether weights are what they should be: an adapter's base, a merge, a quantisation.

Everything here works on configs and on the headers of weight files; the values themselves are
compared by vlft/trainer_side/verify_merge.py, in the interpreter that has numpy.
"""
