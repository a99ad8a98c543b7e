"""Plans that a real API server works out: backends, the client, the simulation."""
