"""The conformance suite: cases that drive any deployment through its public surface, and what they need."""
