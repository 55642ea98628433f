"""How whoever sends is told that something is due: in this process, or by Celery. What is due only the store knows."""
