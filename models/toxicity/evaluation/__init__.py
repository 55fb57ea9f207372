"""How good the models are: every figure of the report."""
