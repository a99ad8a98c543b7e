"""Does the offline plan say what a real API server does? Pairs of objects, generated and applied: `make agreement`."""
