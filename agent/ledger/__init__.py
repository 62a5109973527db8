"""The ledger: the truth about what was done, is being done and failed; a database beside the agent."""
