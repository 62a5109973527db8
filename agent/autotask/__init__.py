"""The Autotask side: its REST API, and the reading of its answers into the domain's invoices."""
