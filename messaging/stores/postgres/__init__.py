"""The store on PostgreSQL, for many processes and machines. Needs the extra `scale`."""
