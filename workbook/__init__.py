"""The file AutoXero.xlsm: its layout, how it is built, written to while closed, and read."""
