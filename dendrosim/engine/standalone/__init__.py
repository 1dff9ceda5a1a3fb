"""Code that the back ends cpp and cuda share, because both compile a whole program."""
