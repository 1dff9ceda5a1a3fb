"""Parts from which models are built: equations with their inputs and parameters."""
