"""What Argo CD applies: Applications and the sets that make them."""
