"""What runs inside Excel: the ribbon and its VBA."""
