"""The recording hop: a byte relay between gateway and stacks, and the process beside it that writes down what passed.

`python -m parity.recorder SETTINGS.json`. Nothing here may delay an answer.
"""
