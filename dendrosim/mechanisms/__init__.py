"""Parts of which models are put together: equations with their inputs and the parameters that they need."""
