"""The rules of the trade: pure functions over plain values, no input or output, no clock, no randomness."""
