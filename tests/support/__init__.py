"""Helpers that several tests share: repositories, manifests, running the program."""
