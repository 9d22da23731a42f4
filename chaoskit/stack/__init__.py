"""Everything around the target."""
