"""What tests share and nothing else uses: contracts as Python sees them, named actors, a deployed world."""
