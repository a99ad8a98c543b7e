"""Kubernetes schemas: the bundled ones, those of CRDs, and what breaks them."""
