"""What holds after every step, whatever the steps are."""
