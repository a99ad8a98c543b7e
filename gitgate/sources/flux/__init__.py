"""What Flux applies: Kustomizations and Helm releases, as its controllers read them."""
