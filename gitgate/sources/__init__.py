"""What an agent would apply: each module turns a tree into resources with origins."""
