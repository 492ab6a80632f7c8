"""Whether weights are what they should be: an adapter's base, a merge, a quantisation.

Everything here works on configs and on the headers of weight files, and on one word of GPTQ's zero
points; values are compared by vlft/trainer_side/verify_merge.py, in the interpreter that has numpy.
"""
