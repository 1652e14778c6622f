"""The conformance suite and the test kit. Ships with the package, so that anyone can check a deployment."""
