"""The Xero side: sign-in, the accounting API, and the reading of its answers into the domain's books."""
