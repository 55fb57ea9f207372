"""`bert`: MiniLM fine-tuned for the six labels, quantized to int8."""
