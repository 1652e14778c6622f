"""`roost.yaml`: what an operator says of a deployment, in one file or by the environment alone."""
