"""Pretend versions of Autotask and Xero that speak real HTTP on this computer, for the demo and for the tests."""
