"""What agents use beside their state: small Protocols, and what keeps them elsewhere than in agents."""
