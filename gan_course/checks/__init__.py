"""What exercises call: they name the likely mistake, and never stop a lesson."""
