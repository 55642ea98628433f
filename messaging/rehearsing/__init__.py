"""What would be sent: a shop's history, or a few events of a test, through the live services without sending."""
