"""What the back ends that compile a whole program share."""
