"""What the benches share that run a server on one core and drive it from another."""
